/* Where the recorded frames are: all in GPU memory, or in the host's, from where those of the coming iterations are sent ahead. */
#pragma once
#include "../engine/state.h"
#include "memory.h"

namespace pgs {

/* A frame on the device, as StepInput wants it. */
struct FramePlace {
    const uint8_t *rgb, *label;
};

class FrameStore {
  public:
    /*
     * Forgets all frames. They stay on the GPU where `stream_always` is off and at most half of what is free there would be taken:
     * splats, pairs and other programs need the rest. Else memory for `lanes` sets of `lane_frames` frames is reserved.
     */
    void begin(const Dataset& data, bool stream_always, int lanes, int lane_frames);
    bool is_resident() const { return resident_; }
    /* Takes frame `index`; what is resident leaves the host's memory. */
    void put(Dataset& data, int index, cudaStream_t stream);
    /* What is placed from now on goes to this lane, whose frames nobody uses any more. */
    void open_lane(int lane);
    /* Where a frame is; sends it to the open lane where it is not there. */
    FramePlace place(const Dataset& data, int frame, cudaStream_t stream);
    size_t bytes() const { return frames_.bytes(); }

  private:
    bool resident_ = false;
    size_t pixels_ = 0;
    int lane_frames_ = 0, lane_ = 0;
    DeviceArray<uint8_t> frames_; /* each: rgb, then labels */
    PinnedArray<uint8_t> staging_;
    std::vector<int> in_lane_; /* frames that the open lane holds */

    FramePlace at(size_t slot) const;
};

}  // namespace pgs
