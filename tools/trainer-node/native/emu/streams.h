/* What the emulated runtime's parts know of each other. */
#pragma once
#include <mutex>
#include "runtime.h"

namespace simt {

/* Held by every call: the machine is one, and contexts of several threads share it. */
std::recursive_mutex& gpu_lock();
/* Remembers the error for cudaGetLastError, as the runtime does for each thread. */
cudaError_t fail(cudaError_t error);
/* Whether this thread is capturing, where such a call is an error and spoils the capture. */
bool spoils_capture();
/* Memory of cudaMallocHost. */
bool is_pinned(const void* memory);

}  // namespace simt
