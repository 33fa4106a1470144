/*
 * The calls of the CUDA runtime that our host code makes, over host memory. Each allocation ends where a page without access
 * begins and starts as NaN, so a kernel that reads or writes past an array stops at that instruction, and one that reads what
 * nobody wrote shows it in its results. Work of the default stream is done when the call returns, that of other streams at a time
 * that is drawn, as late as when the host waits for it (streams.cpp). In the environment, PGS_EMULATED_BYTES is the size of the
 * memory (default 8 GiB), after PGS_EMULATED_ALLOCATIONS more allocations it is full (counted anew when the number changes), and with
 * PGS_EMULATED_LOSS the GPU has fallen off the bus.
 */
#pragma once
#include <cstddef>
#include <functional>
#include <tuple>
#include <utility>
#include "simt.h"

enum cudaError_t {
    cudaSuccess = 0,
    cudaErrorInvalidValue = 1,
    cudaErrorMemoryAllocation = 2,
    cudaErrorNotReady = 600,
    cudaErrorStreamCaptureUnsupported = 900,
    cudaErrorStreamCaptureInvalidated = 901,
    cudaErrorStreamCaptureUnjoined = 904,
    cudaErrorStreamCaptureIsolation = 905,
    cudaErrorCapturedEvent = 907,
    cudaErrorUnknown = 999
};
enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2, cudaMemcpyDeviceToDevice = 3 };
typedef struct PgsEmulatedStream* cudaStream_t;
typedef struct PgsEmulatedGraph* cudaGraph_t;
typedef struct PgsEmulatedExec* cudaGraphExec_t;
typedef struct PgsEmulatedEvent* cudaEvent_t;

cudaError_t cudaMalloc(void** memory, size_t bytes);
/* Waits for nothing: work that still uses the memory stops the program. Checks the bytes around the allocation; stops the program
 * where a kernel changed them. Memory is neither allocated nor freed while the thread captures. */
cudaError_t cudaFree(void* memory);
cudaError_t cudaMallocHost(void** memory, size_t bytes);
cudaError_t cudaFreeHost(void* memory);
cudaError_t cudaMemGetInfo(size_t* free, size_t* total);
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream);
cudaError_t cudaMemsetAsync(void* memory, int byte, size_t bytes, cudaStream_t stream);
/* The last error of the calling thread, which is then forgotten. */
cudaError_t cudaGetLastError();
const char* cudaGetErrorString(cudaError_t error);

constexpr unsigned cudaStreamNonBlocking = 1;
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);

constexpr unsigned cudaEventDisableTiming = 2;
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t from, cudaEvent_t to);
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags);

enum cudaStreamCaptureMode { cudaStreamCaptureModeThreadLocal = 1 };
/* The default stream cannot be captured, nor can a stream that is being captured. */
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long flags);
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec);

/* One emulated GPU, which any library suits. */
struct cudaDeviceProp {
    char name[256];
    int major, minor;
    size_t totalGlobalMem;
};
cudaError_t cudaRuntimeGetVersion(int* version);
cudaError_t cudaDriverGetVersion(int* version);
cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device);

namespace simt {

/* Runs it on the default stream; queues it on others, or keeps it where they are being captured. */
void submit(cudaStream_t stream, std::function<void()> work);

/* A launch: arguments are taken now, as a GPU takes them. */
template <class... P, class... A>
void enqueue(void (*kernel)(P...), const char* name, dim3 grid, dim3 block, cudaStream_t stream, A&&... arguments) {
    std::tuple<P...> taken(std::forward<A>(arguments)...);
    submit(stream, [=] {
        launch(name, grid, block, [&] { std::apply(kernel, taken); });
    });
}

}  // namespace simt
