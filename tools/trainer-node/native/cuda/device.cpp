#include "device.h"
#include <cstdio>
#include "../emu/launch.h"
#include "../include/pgs_trainer.h"

namespace pgs {
namespace {

/* Of CUDA_VERSION's kind: 13000 is 13.0. */
std::string version(int number) { return std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10); }

/* Turing, what the T4 is. Toolkit 13 no longer compiles for anything older. */
constexpr int MIN_MAJOR = 7, MIN_MINOR = 5;

}  // namespace

int32_t describe_device(std::string& text) {
    int driver = 0, built = 0, count = 0;
    cudaRuntimeGetVersion(&built);
    cudaDriverGetVersion(&driver);
    const std::string versions = "the driver supports CUDA " + version(driver) + ", the library was built for CUDA " + version(built);
    if (driver == 0) {
        text = "GPU: expected an NVIDIA driver, got none (the library was built for CUDA " + version(built) +
               "). Install a driver for CUDA " + version(built) + " or newer, or train on the CPU.";
        return PGS_E_DEVICE;
    }
    /* Any driver of the same major version runs what that toolkit built. */
    if (driver / 1000 < built / 1000) {
        text = "GPU: expected a driver for CUDA " + std::to_string(built / 1000) + ".0 or newer, but " + versions +
               ". Update the driver, build the library with a CUDA " + std::to_string(driver / 1000) + " toolkit, or train on the CPU.";
        return PGS_E_DEVICE;
    }
    const cudaError_t error = cudaGetDeviceCount(&count);
    if (error != cudaSuccess || count == 0) {
        text = std::string("GPU: expected one, got ") +
               (error == cudaSuccess ? "none" : "'" + std::string(cudaGetErrorString(error)) + "'") + "; " + versions +
               ". Check nvidia-smi, or train on the CPU.";
        return PGS_E_DEVICE;
    }
    cudaDeviceProp properties{};
    const cudaError_t read = cudaGetDeviceProperties(&properties, 0);
    if (read != cudaSuccess) {
        text = "GPU: expected its properties, got '" + std::string(cudaGetErrorString(read)) + "'; " + versions + ".";
        return PGS_E_DEVICE;
    }
    text = std::string(properties.name) + ", sm_" + std::to_string(properties.major) + std::to_string(properties.minor) + ", " +
           std::to_string(properties.totalGlobalMem >> 30) + " GB; " + versions;
    if (properties.major < MIN_MAJOR || (properties.major == MIN_MAJOR && properties.minor < MIN_MINOR)) {
        text = "GPU: expected sm_75 (Turing) or newer, got " + text + ". Use a newer GPU, or train on the CPU.";
        return PGS_E_DEVICE;
    }
    return count;
}

}  // namespace pgs

extern "C" int32_t pgs_cuda_device(char* text, int32_t capacity) {
    if (!text || capacity < 1) return PGS_E_ARGUMENT;
    std::string line;
    int32_t result = PGS_E_MEMORY;
    try {
        result = pgs::describe_device(line);
    } catch (...) {
        line.clear();
    }
    std::snprintf(text, size_t(capacity), "%s", line.c_str());
    return result;
}
