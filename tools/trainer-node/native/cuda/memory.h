/* Memory and streams of the device, each with an owner. Everything throws Failure. */
#pragma once
#include <cstring>
#include <vector>
#include "error.h"

namespace pgs {

inline std::string megabytes(size_t bytes) { return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MB"; }

/* Says what was asked for, and what there is. */
inline void fail_allocation(cudaError_t error, const char* name, size_t bytes) {
    size_t free = 0, total = 0;
    std::string rest;
    if (error == cudaErrorMemoryAllocation && cudaMemGetInfo(&free, &total) == cudaSuccess)
        rest = " with " + megabytes(free) + " of " + megabytes(total) + " free";
    check_cuda(error, "GPU memory for " + std::string(name) + ", " + megabytes(bytes) + " more" + rest);
}

/* Device memory. */
template <class T>
class DeviceArray {
  public:
    DeviceArray() = default;
    ~DeviceArray() { cudaFree(data_); }
    DeviceArray(const DeviceArray&) = delete;
    DeviceArray& operator=(const DeviceArray&) = delete;

    /*
     * Contents are lost. Splats come and go every hundred iterations and an allocation stops the GPU, so memory that is large enough
     * is kept, with a reserve for what grows. The emulator allocates to the byte: it watches the ends.
     */
    void resize(size_t count, const char* name) {
#if defined(PGS_EMULATED)
        const size_t wanted = count;
        const bool kept = count == capacity_;
#else
        const size_t wanted = capacity_ == 0 ? count : count + count / 4;
        const bool kept = count <= capacity_;
#endif
        count_ = count;
        if (kept) return;
        cudaFree(data_);
        data_ = nullptr;
        capacity_ = count_ = 0;
        if (count == 0) return;
        void* memory = nullptr;
        const cudaError_t error = cudaMalloc(&memory, wanted * sizeof(T));
        if (error != cudaSuccess) fail_allocation(error, name, wanted * sizeof(T));
        data_ = static_cast<T*>(memory);
        capacity_ = wanted;
        count_ = count;
    }
    void swap(DeviceArray& other) {
        std::swap(data_, other.data_);
        std::swap(count_, other.count_);
        std::swap(capacity_, other.capacity_);
    }
    void put(const T* from, size_t count, cudaStream_t stream) {
        if (count > 0) check_cuda(cudaMemcpyAsync(data_, from, count * sizeof(T), cudaMemcpyHostToDevice, stream), "copy to the GPU");
    }
    void clear(cudaStream_t stream) {
        if (count_ > 0) check_cuda(cudaMemsetAsync(data_, 0, count_ * sizeof(T), stream), "clearing GPU memory");
    }
    /* Waits for the stream. */
    void read(T* to, size_t count, cudaStream_t stream) const {
        if (count > 0) check_cuda(cudaMemcpyAsync(to, data_, count * sizeof(T), cudaMemcpyDeviceToHost, stream), "copy from the GPU");
        check_cuda(cudaStreamSynchronize(stream), "kernels");
    }
    std::vector<T> get(cudaStream_t stream) const {
        std::vector<T> out(count_);
        read(out.data(), count_, stream);
        return out;
    }
    T* data() const { return data_; }
    size_t size() const { return count_; }
    size_t bytes() const { return capacity_ * sizeof(T); }

  private:
    T* data_ = nullptr;
    size_t count_ = 0, capacity_ = 0;
};

/* Host memory that the GPU copies from and to while others work. */
template <class T>
class PinnedArray {
  public:
    PinnedArray() = default;
    ~PinnedArray() { cudaFreeHost(data_); }
    PinnedArray(const PinnedArray&) = delete;
    PinnedArray& operator=(const PinnedArray&) = delete;
    void resize(size_t count) {
        if (count <= count_) return;
        cudaFreeHost(data_);
        data_ = nullptr;
        count_ = 0;
        void* memory = nullptr;
        check_cuda(cudaMallocHost(&memory, count * sizeof(T)), "pinned host memory, " + megabytes(count * sizeof(T)));
        data_ = static_cast<T*>(memory);
        count_ = count;
    }
    T& operator[](size_t i) { return data_[i]; }
    T* data() const { return data_; }
    size_t size() const { return count_; }

  private:
    T* data_ = nullptr;
    size_t count_ = 0;
};

/* A stream of its own: it waits for no other, and can be captured. Made when it is first used, which must not be in a capture. */
class Stream {
  public:
    Stream() = default;
    ~Stream() {
        if (stream_) cudaStreamDestroy(stream_);
    }
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
    void make() {
        if (!stream_) check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "a stream");
    }
    operator cudaStream_t() {
        make();
        return stream_;
    }
    void wait() { check_cuda(cudaStreamSynchronize(*this), "kernels"); }
    /* Waits, whatever has become of the work: for destructors. */
    void finish() noexcept {
        if (stream_) cudaStreamSynchronize(stream_);
    }

  private:
    cudaStream_t stream_ = nullptr;
};

/* A point of a stream that another stream, or the host, waits for. Made when it is first used, which must not be in a capture. */
class Event {
  public:
    Event() = default;
    ~Event() {
        if (event_) cudaEventDestroy(event_);
    }
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;
    void make() {
        if (!event_) check_cuda(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "an event");
    }
    void record(cudaStream_t stream) {
        make();
        check_cuda(cudaEventRecord(event_, stream), "an event");
    }
    void wait() { check_cuda(cudaEventSynchronize(event_), "kernels"); }
    /* What is queued on `stream` from now on waits for it. */
    void hold(cudaStream_t stream) { check_cuda(cudaStreamWaitEvent(stream, event_, 0), "an event"); }

  private:
    cudaEvent_t event_ = nullptr;
};

}  // namespace pgs
