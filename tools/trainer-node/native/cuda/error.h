/* CUDA statuses into one exception, caught at the C edge (cuda/capi.cu). */
#pragma once
#include <string>
#include "../emu/launch.h"
#include "../include/pgs_trainer.h"

namespace pgs {

struct CudaFailure {
    int32_t status;
    std::string message;
};

inline void check_cuda(cudaError_t error, const std::string& where) {
    if (error == cudaSuccess) return;
    const int32_t status = error == cudaErrorMemoryAllocation ? PGS_E_MEMORY : PGS_E_DEVICE;
    throw CudaFailure{status, where + ": expected success, got '" + cudaGetErrorString(error) + "'."};
}

}  // namespace pgs
