/*
 * The scalar of a build and 16-lane vectors of it. One source gives two libraries: float32 (the product) and float64 (the
 * gradient oracle), so the code that is proved is the code that ships. CPU only: the device's lanes are its threads.
 */
#pragma once
#include <type_traits>
#include "hd.h"

#ifndef PGS_REAL
#define PGS_REAL float
#endif

namespace pgs {

typedef PGS_REAL real;

/* Sixteen lanes: one row of a raster tile, or sixteen channels of a splat. GCC lowers them to what the machine has. */
constexpr int LANES = 16;
typedef real V __attribute__((vector_size(LANES * sizeof(real))));
typedef std::conditional<sizeof(real) == 4, int32_t, int64_t>::type mask_lane;
typedef mask_lane M __attribute__((vector_size(LANES * sizeof(real))));

PGS_HD V splat_lanes(real x) { return V{} + x; }
PGS_HD V load(const real* p) { V v; std::memcpy(&v, p, sizeof v); return v; }
PGS_HD void store(real* p, V v) { std::memcpy(p, &v, sizeof v); }

PGS_HD real lane_sum(V v) {
    /* Pairwise, so that the order is fixed and the error small. */
    real a[LANES];
    store(a, v);
    for (int width = LANES / 2; width > 0; width /= 2)
        for (int i = 0; i < width; i++) a[i] += a[i + width];
    return a[0];
}

PGS_HD real lane_max(V v) {
    real a[LANES];
    store(a, v);
    real best = a[0];
    for (int i = 1; i < LANES; i++) best = a[i] > best ? a[i] : best;
    return best;
}

PGS_HD bool any_lane(M m) {
    /* An OR tree over 64-bit words: vector reductions are not worth an intrinsic here. */
    uint64_t words[sizeof(M) / 8];
    std::memcpy(words, &m, sizeof m);
    uint64_t all = 0;
    for (uint64_t word : words) all |= word;
    return all != 0;
}

/*
 * exp(x) for x <= 0. float: 2^n times the Taylor polynomial of degree 6 on [-ln2/2, ln2/2], whose first missing term is 1.2e-7;
 * double: the library's.
 */
PGS_HD V exp_lanes(V x) {
    if constexpr (sizeof(real) == 8) {
        V out;
        for (int i = 0; i < LANES; i++) out[i] = std::exp(x[i]);
        return out;
    } else {
        x = x < splat_lanes(-87) ? splat_lanes(-87) : x;
        const V n = x * real(1.4426950408889634);
        const M whole = __builtin_convertvector(n - real(0.5), M); /* x <= 0: truncation rounds to nearest here */
        const V k = __builtin_convertvector(whole, V);
        const V r = (x - k * real(0.693145751953125)) - k * real(1.42860682030941723e-6);
        V p = splat_lanes(real(1.0 / 720));
        p = p * r + real(1.0 / 120);
        p = p * r + real(1.0 / 24);
        p = p * r + real(1.0 / 6);
        p = p * r + real(0.5);
        p = p * r * r + r + real(1);
        const M bits = (whole + 127) << 23;
        V scale;
        std::memcpy(&scale, &bits, sizeof scale);
        return p * scale;
    }
}

}  // namespace pgs
