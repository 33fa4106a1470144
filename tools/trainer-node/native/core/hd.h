/*
 * What makes the maths of this folder run on both sides: inline functions for host and device, and the few operations that the
 * two spell differently. No CUDA header is needed to read it.
 */
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(__CUDACC__)
#define PGS_HD __host__ __device__ __forceinline__
#else
#define PGS_HD inline __attribute__((always_inline))
#endif

namespace pgs {

/*
 * exp(x), x <= 0, as the rasterizer's kernels take it, forward and backward alike, so that gradients match the picture that was
 * drawn. On the device it is the hardware's 2^x: 2 units in the last place plus 1.2e-7 |x|, below 1e-6 for any visible sample.
 */
template <class T> PGS_HD T sample_exp(T x) {
    using std::exp;
    return exp(x);
}
template <> PGS_HD float sample_exp(float x) {
#if defined(__CUDA_ARCH__)
    return __expf(x);
#else
    return std::exp(x);
#endif
}

}  // namespace pgs
