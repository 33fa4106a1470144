/*
 * One spelling for all builds: under nvcc the CUDA runtime and `<<<>>>`; in the host's own files of the GPU library
 * (PGS_CUDA_HOST) the runtime alone; else the emulator.
 */
#pragma once

#if defined(PGS_CUDA_HOST)
#include <cuda_runtime_api.h>
#elif defined(__CUDACC__)
#include <cuda_runtime.h>
#define PGS_LAUNCH(kernel, grid, block, stream, ...) kernel<<<(grid), (block), 0, (stream)>>>(__VA_ARGS__)
#else
#define PGS_EMULATED 1
#include "runtime.h"
#include "simt.h"
#define PGS_LAUNCH(kernel, grid, block, stream, ...) ::simt::enqueue((kernel), #kernel, dim3(grid), dim3(block), (stream), ##__VA_ARGS__)
#endif
