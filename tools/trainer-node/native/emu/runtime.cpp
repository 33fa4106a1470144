/* Memory, and what the machine says of itself. */
#include "streams.h"
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

namespace {

constexpr size_t PAGE = 4096;
/* Arrays end at a guard page but stay aligned for the widest load; what that leaves free is filled and checked. */
constexpr size_t ALIGNMENT = 16;
constexpr unsigned char FILL = 0xa5;

size_t used_bytes = 0;

/* Asked anew each time: a test fills the memory while it runs. */
size_t most_bytes() {
    const char* const text = std::getenv("PGS_EMULATED_BYTES");
    return text ? size_t(std::strtoull(text, nullptr, 10)) : size_t(8) << 30;
}

/* A test counts down how many allocations there is room for. */
bool is_full() {
    static std::string seen;
    static int left = 0;
    const char* const text = std::getenv("PGS_EMULATED_ALLOCATIONS");
    if (!text) return false;
    if (seen != text) left = std::atoi(text);
    seen = text;
    return left-- <= 0;
}

struct Block {
    char* base;
    size_t pages, bytes;
};

std::map<void*, Block>& blocks() {
    static std::map<void*, Block> all;
    return all;
}
std::map<void*, Block>& pinned() {
    static std::map<void*, Block> all;
    return all;
}

/* A kernel left its memory, or loaded from where its type must not lie. Only async-signal-safe calls from here. */
void on_fault(int signal, siginfo_t*, void*) {
    static const char left[] =
        "simt: a kernel left its device memory (or overflowed a thread's stack), or memory was freed that was still in use\n";
    static const char misaligned[] = "simt: a kernel used an address that is not aligned for its type\n";
    const ssize_t written = signal == SIGILL ? write(STDERR_FILENO, misaligned, sizeof misaligned - 1)
                                             : write(STDERR_FILENO, left, sizeof left - 1);
    _exit(written > 0 ? 86 : 87);
}

void watch_faults() {
    static bool watching = false;
    if (watching) return;
    watching = true;
    stack_t stack{}; /* the faulting stack may be the full one */
    stack.ss_size = 64 << 10;
    stack.ss_sp = std::malloc(stack.ss_size);
    sigaltstack(&stack, nullptr);
    struct sigaction action{};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigaction(SIGSEGV, &action, nullptr);
    sigaction(SIGILL, &action, nullptr); /* what -fsanitize=alignment ends in */
}

}  // namespace

/* `bytes` that end where a page without access begins; what that leaves free is filled. */
static Block make_block(void** memory, size_t bytes) {
    const size_t used = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT, pages = (used + PAGE - 1) / PAGE + 1;
    void* base = mmap(nullptr, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) return {nullptr, 0, 0};
    char* const end = static_cast<char*>(base) + (pages - 1) * PAGE;
    mprotect(end, PAGE, PROT_NONE);
    std::memset(base, FILL, (pages - 1) * PAGE);
    *memory = end - used;
    std::memset(*memory, 0xff, bytes);
    return {static_cast<char*>(base), pages, bytes};
}

cudaError_t cudaMalloc(void** memory, size_t bytes) {
    const std::lock_guard<std::recursive_mutex> held(simt::gpu_lock());
    watch_faults();
    if (simt::spoils_capture()) return simt::fail(cudaErrorStreamCaptureUnsupported);
    if (used_bytes + bytes > most_bytes() || is_full()) return simt::fail(cudaErrorMemoryAllocation);
    const Block block = make_block(memory, bytes);
    if (!block.base) return simt::fail(cudaErrorMemoryAllocation);
    blocks()[*memory] = block;
    used_bytes += bytes;
    return cudaSuccess;
}

cudaError_t cudaFree(void* memory) {
    if (!memory) return cudaSuccess;
    const std::lock_guard<std::recursive_mutex> held(simt::gpu_lock());
    if (simt::spoils_capture()) return simt::fail(cudaErrorStreamCaptureUnsupported);
    const auto found = blocks().find(memory);
    if (found == blocks().end()) return simt::fail(cudaErrorInvalidValue);
    const Block block = found->second;
    char *const begin = static_cast<char*>(memory), *const end = block.base + (block.pages - 1) * PAGE;
    for (const char* byte = block.base; byte < end; byte++) {
        if (byte == begin) byte += block.bytes;
        if (byte < end && static_cast<unsigned char>(*byte) != FILL) {
            std::fprintf(stderr, "simt: a kernel wrote %td bytes from an array of %zu bytes\n", byte - begin, block.bytes);
            std::abort();
        }
    }
    used_bytes -= block.bytes;
    blocks().erase(found);
    munmap(block.base, block.pages * PAGE);
    return cudaSuccess;
}

cudaError_t cudaMallocHost(void** memory, size_t bytes) {
    const std::lock_guard<std::recursive_mutex> held(simt::gpu_lock());
    if (simt::spoils_capture()) return simt::fail(cudaErrorStreamCaptureUnsupported);
    const Block block = is_full() ? Block{nullptr, 0, 0} : make_block(memory, bytes);
    if (!block.base) return simt::fail(cudaErrorMemoryAllocation);
    pinned()[*memory] = block;
    return cudaSuccess;
}
cudaError_t cudaFreeHost(void* memory) {
    if (!memory) return cudaSuccess;
    const std::lock_guard<std::recursive_mutex> held(simt::gpu_lock());
    if (simt::spoils_capture()) return simt::fail(cudaErrorStreamCaptureUnsupported);
    const auto found = pinned().find(memory);
    if (found == pinned().end()) return simt::fail(cudaErrorInvalidValue);
    munmap(found->second.base, found->second.pages * PAGE);
    pinned().erase(found);
    return cudaSuccess;
}
bool simt::is_pinned(const void* memory) {
    auto after = pinned().upper_bound(const_cast<void*>(memory));
    if (after == pinned().begin()) return false;
    const auto& [begin, block] = *--after;
    return static_cast<const char*>(memory) < static_cast<char*>(begin) + block.bytes;
}
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
    *total = most_bytes();
    *free = *total > used_bytes ? *total - used_bytes : 0;
    return cudaSuccess;
}

const char* cudaGetErrorString(cudaError_t error) {
    switch (error) {
        case cudaSuccess: return "no error";
        case cudaErrorInvalidValue: return "invalid value";
        case cudaErrorMemoryAllocation: return "out of memory";
        case cudaErrorNotReady: return "device not ready";
        case cudaErrorStreamCaptureUnsupported: return "operation not permitted when stream is capturing";
        case cudaErrorStreamCaptureInvalidated: return "operation failed due to a previous error during capture";
        case cudaErrorStreamCaptureUnjoined: return "capturing stream has unjoined work";
        case cudaErrorStreamCaptureIsolation: return "dependency created on uncaptured work in another stream";
        case cudaErrorCapturedEvent: return "operation not permitted on an event last recorded in a capturing stream";
        default: return "unspecified launch failure";
    }
}

cudaError_t cudaRuntimeGetVersion(int* version) {
    *version = 13000;
    return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) { return cudaRuntimeGetVersion(version); }
cudaError_t cudaGetDeviceCount(int* count) {
    *count = 1;
    return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
    std::snprintf(properties->name, sizeof properties->name, "SIMT emulator");
    properties->major = 7;
    properties->minor = 5;
    size_t free;
    return cudaMemGetInfo(&free, &properties->totalGlobalMem);
}
