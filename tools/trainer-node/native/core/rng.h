/* Counter-based random numbers: a value depends on (seed, stream, counter) only, so a resumed run draws what it would have. */
#pragma once
#include "hd.h"

namespace pgs {

struct Rng {
    uint64_t key;
    uint64_t counter = 0;
    PGS_HD Rng(uint64_t seed, uint64_t stream) : key(mix(seed ^ mix(stream + 0x9e3779b97f4a7c15ull))) {}
    PGS_HD static uint64_t mix(uint64_t x) { /* splitmix64's finaliser */
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
        x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
        return x ^ (x >> 31);
    }
    PGS_HD uint64_t next() { return mix(key + (++counter) * 0x9e3779b97f4a7c15ull); }
    /* Uniform in [0, 1). */
    PGS_HD double uniform() { return double(next() >> 11) * (1.0 / 9007199254740992.0); }
    /* Standard normal, by Box and Muller. */
    PGS_HD double normal() {
        const double u = 1.0 - uniform(), v = uniform();
        return std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586 * v);
    }
};

}  // namespace pgs
