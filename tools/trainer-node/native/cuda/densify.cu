/*
 * Density control (method.md section 4): the new arrays of a branch.
 *
 *   gather_rows      one thread per value of a tensor: copies it and its moments from the row's source.
 *   place_children   one thread per child of a split: moves and shrinks it, in the new arrays.
 *
 * Barriers: none. Invariant: the children's rows are copied by an earlier kernel of the stream.
 */
#include "../core/split.h"
#include "densify.h"

namespace pgs {
namespace {

constexpr int THREADS = 256;

__global__ void __launch_bounds__(THREADS) gather_rows(DensifyTensor tensor, unsigned width, const int* source, unsigned rows,
                                                       unsigned survivors) {
    const unsigned i = blockIdx.x * THREADS + threadIdx.x, row = i / width;
    if (row >= rows) return;
    const size_t from = size_t(source[row]) * width + i % width;
    tensor.new_value[i] = tensor.value[from];
    tensor.new_m[i] = row < survivors ? tensor.m[from] : 0.0f;
    tensor.new_v[i] = row < survivors ? tensor.v[from] : 0.0f;
}

__global__ void __launch_bounds__(THREADS) place_children(const float* normals, int first, int rows, const float* quats, float* means,
                                                          float* log_scales) {
    const int child = int(blockIdx.x * THREADS + threadIdx.x);
    const size_t row = size_t(first) + child;
    if (row >= size_t(rows)) return;
    float quat[4], normal[3], mean[3], log_scale[3];
    for (int c = 0; c < 4; c++) quat[c] = quats[row * 4 + c];
    for (int c = 0; c < 3; c++) {
        normal[c] = normals[size_t(child) * 3 + c];
        mean[c] = means[row * 3 + c];
        log_scale[c] = log_scales[row * 3 + c];
    }
    place_child(quat, normal, mean, log_scale);
    for (int c = 0; c < 3; c++) {
        means[row * 3 + c] = mean[c];
        log_scales[row * 3 + c] = log_scale[c];
    }
}

void gather(cudaStream_t stream, const DensifyArrays& a, const DensifyTensor& tensor, int width) {
    const unsigned blocks = blocks_for(size_t(a.rows) * width, THREADS);
    PGS_LAUNCH(gather_rows, blocks, THREADS, stream, tensor, unsigned(width), a.source, unsigned(a.rows), unsigned(a.survivors));
}

}  // namespace

void launch_densify(cudaStream_t stream, const DensifyArrays& a) {
    if (a.rows == 0) return;
    gather(stream, a, a.means, 3);
    gather(stream, a, a.quats, 4);
    gather(stream, a, a.log_scales, 3);
    gather(stream, a, a.logit_opacities, 1);
    gather(stream, a, a.sh, a.sh_k * 3);
    const int children = a.rows - a.first_child;
    if (children == 0) return;
    PGS_LAUNCH(place_children, blocks_for(size_t(children), THREADS), THREADS, stream, a.normals, a.first_child, a.rows, a.quats.new_value,
               a.means.new_value, a.log_scales.new_value);
}

}  // namespace pgs
