/*
 * The few calls of the CUDA runtime that our host code makes, over host memory. Each allocation ends where a page without access
 * begins and starts as NaN, so a kernel that reads or writes past an array stops at that instruction, and one that reads what
 * nobody wrote shows it in its results. Everything is synchronous.
 */
#pragma once
#include <cstddef>

enum cudaError_t { cudaSuccess = 0, cudaErrorInvalidValue = 1, cudaErrorMemoryAllocation = 2 };
enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2 };
typedef void* cudaStream_t;

cudaError_t cudaMalloc(void** memory, size_t bytes);
/* Checks the bytes around the allocation; stops the program where a kernel changed them. */
cudaError_t cudaFree(void* memory);
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream);
cudaError_t cudaMemsetAsync(void* memory, int byte, size_t bytes, cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaGetLastError();
const char* cudaGetErrorString(cudaError_t error);
