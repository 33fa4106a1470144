#include "frames.h"

namespace pgs {
namespace {

/* rgb and label. */
constexpr size_t PIXEL_BYTES = 4;

}  // namespace

void FrameStore::begin(const Dataset& data, bool stream_always, int lanes, int lane_frames) {
    pixels_ = size_t(data.width) * data.height;
    lane_frames_ = lane_frames;
    open_lane(0);
    const size_t all = data.frames.size() * pixels_ * PIXEL_BYTES;
    size_t free = 0, total = 0;
    check_cuda(cudaMemGetInfo(&free, &total), "GPU memory");
    resident_ = !stream_always && all <= (free + frames_.bytes()) / 2;
    const size_t slots = size_t(lanes) * lane_frames;
    frames_.resize(resident_ ? all : slots * pixels_ * PIXEL_BYTES, resident_ ? "the frames" : "the next frames");
    if (!resident_) staging_.resize(slots * pixels_ * PIXEL_BYTES);
}

FramePlace FrameStore::at(size_t slot) const {
    const uint8_t* rgb = frames_.data() + slot * pixels_ * PIXEL_BYTES;
    return {rgb, rgb + pixels_ * 3};
}

void FrameStore::put(Dataset& data, int index, cudaStream_t stream) {
    if (!resident_) return;
    TrainFrame& frame = data.frames[index];
    uint8_t* to = frames_.data() + size_t(index) * pixels_ * PIXEL_BYTES;
    check_cuda(cudaMemcpyAsync(to, frame.rgb.data(), pixels_ * 3, cudaMemcpyHostToDevice, stream), "frames to the GPU");
    check_cuda(cudaMemcpyAsync(to + pixels_ * 3, frame.label.data(), pixels_, cudaMemcpyHostToDevice, stream), "frames to the GPU");
    check_cuda(cudaStreamSynchronize(stream), "frames to the GPU");
    std::vector<uint8_t>().swap(frame.rgb);
    std::vector<uint8_t>().swap(frame.label);
}

void FrameStore::open_lane(int lane) {
    lane_ = lane;
    in_lane_.clear();
}

FramePlace FrameStore::place(const Dataset& data, int frame, cudaStream_t stream) {
    if (resident_) return at(size_t(frame));
    for (size_t i = 0; i < in_lane_.size(); i++)
        if (in_lane_[i] == frame) return at(size_t(lane_) * lane_frames_ + i);
    const size_t slot = size_t(lane_) * lane_frames_ + in_lane_.size(), offset = slot * pixels_ * PIXEL_BYTES;
    in_lane_.push_back(frame);
    std::memcpy(staging_.data() + offset, data.frames[frame].rgb.data(), pixels_ * 3);
    std::memcpy(staging_.data() + offset + pixels_ * 3, data.frames[frame].label.data(), pixels_);
    check_cuda(cudaMemcpyAsync(frames_.data() + offset, staging_.data() + offset, pixels_ * PIXEL_BYTES, cudaMemcpyHostToDevice, stream),
               "frames to the GPU");
    return at(slot);
}

}  // namespace pgs
