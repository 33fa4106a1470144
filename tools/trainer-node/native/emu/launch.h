/* One spelling for both builds: under nvcc the CUDA runtime and `<<<>>>`, under a host compiler the emulator. */
#pragma once

#if defined(__CUDACC__)
#include <cuda_runtime.h>
#define PGS_LAUNCH(kernel, grid, block, stream, ...) kernel<<<(grid), (block), 0, (stream)>>>(__VA_ARGS__)
#else
#include "runtime.h"
#include "simt.h"
#define PGS_LAUNCH(kernel, grid, block, stream, ...) ::simt::enqueue((kernel), #kernel, dim3(grid), dim3(block), (stream), ##__VA_ARGS__)
#endif
