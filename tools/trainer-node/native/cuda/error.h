/* CUDA statuses into the one exception, caught at the C edge. */
#pragma once
#include <string>
#include "../emu/launch.h"
#include "../engine/failure.h"

namespace pgs {

inline void check_cuda(cudaError_t error, const std::string& where) {
    if (error == cudaSuccess) return;
    cudaGetLastError(); /* the runtime remembers it: the thread's next launch, which may well succeed, would be blamed for it */
    const int32_t status = error == cudaErrorMemoryAllocation ? PGS_E_MEMORY : PGS_E_DEVICE;
    throw Failure{status, where + ": expected success, got '" + cudaGetErrorString(error) + "'."};
}

}  // namespace pgs
