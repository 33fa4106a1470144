/* Which of the two copies of a tensor is newer: the context's vector, or the device's array. */
#pragma once
#include <unordered_map>
#include <vector>
#include "memory.h"

namespace pgs {

class Mirrors {
  public:
    void clear() { all_.clear(); }
    /* host_newer: what the host has is wanted on the device; else the two are alike, or nobody cares. */
    void add(std::vector<float>& host, float* device, bool host_newer) { all_[&host] = {&host, device, host_newer, false}; }
    /* The host wrote a vector; one that is not mirrored yet will be taken whole. */
    void written(const std::vector<float>& host) {
        const auto found = all_.find(&host);
        if (found == all_.end()) return;
        found->second.host_newer = true;
        found->second.device_newer = false;
    }
    /* Kernels wrote an array, or the tensors that lie in it. */
    void made(const DeviceArray<float>& array) {
        for (auto& [key, mirror] : all_)
            if (mirror.device >= array.data() && mirror.device < array.data() + array.size()) mirror.device_newer = true;
    }
    /* Waits. */
    void fetch(const std::vector<float>& host, cudaStream_t stream) {
        const auto found = all_.find(&host);
        if (found != all_.end()) fetch(found->second, stream);
    }
    void fetch_all(cudaStream_t stream) {
        for (auto& [key, mirror] : all_) fetch(mirror, stream);
    }
    /* Waits, where there was something to send: the host's vectors may change or move as soon as it returns. */
    void upload(cudaStream_t stream) {
        bool is_sent = false;
        for (auto& [key, mirror] : all_) {
            if (!mirror.host_newer || mirror.host->empty()) continue;
            const size_t bytes = mirror.host->size() * sizeof(float);
            check_cuda(cudaMemcpyAsync(mirror.device, mirror.host->data(), bytes, cudaMemcpyHostToDevice, stream), "tensors to the GPU");
            mirror.host_newer = false;
            is_sent = true;
        }
        if (is_sent) check_cuda(cudaStreamSynchronize(stream), "tensors to the GPU");
    }

  private:
    struct Mirror {
        std::vector<float>* host;
        float* device;
        bool host_newer, device_newer;
    };
    std::unordered_map<const std::vector<float>*, Mirror> all_;

    static void fetch(Mirror& mirror, cudaStream_t stream) {
        if (!mirror.device_newer) return;
        check_cuda(cudaMemcpyAsync(mirror.host->data(), mirror.device, mirror.host->size() * sizeof(float), cudaMemcpyDeviceToHost, stream),
                   "tensors from the GPU");
        check_cuda(cudaStreamSynchronize(stream), "kernels");
        mirror.device_newer = false;
    }
};

}  // namespace pgs
