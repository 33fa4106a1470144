/* What the cases of emu_nets.cpp and emu_steps.cpp share: device arrays, a report a case, a context that has heard something. */
#pragma once
#include <cstdio>
#include <functional>
#include <memory>
#include "../cuda/encoder.h"
#include "../cuda/view.h"
#include "../engine/capi.h"

namespace pgs {

typedef std::vector<float> Floats;
typedef std::map<std::string, Floats> Arrays; /* what a case leaves, by name */

template <class T>
struct OnDevice : DeviceArray<T> {
    explicit OnDevice(const std::vector<T>& values) {
        this->resize(values.size(), "a test");
        if (!values.empty()) this->put(values.data(), values.size(), nullptr);
    }
    explicit OnDevice(size_t count) { this->resize(count, "a test"); }
    std::vector<T> read() const { return this->get(nullptr); }
};

bool same_bits(const Floats& a, const Floats& b);
/* Runs the case under every schedule and prints the arrays whose bits differ from `expected`, and those that differ between schedules. */
void report(const std::string& name, const Arrays& expected, const std::function<Arrays()>& run, const std::string& more = "");

inline void fill(std::vector<real>& values, Rng& rng, double scale) {
    for (real& value : values) value = real(scale * rng.normal());
}

/* 5 frames, two takes of 60 feature frames, an encoder without a zero among its parameters. */
std::unique_ptr<pgs_context> hearing_context();

constexpr const char* ENCODER_NAMES[ENCODER_LAYERS] = {"conv0", "conv1", "conv2", "conv3", "fc0", "fc1", "opening"};

/* Every case of the optimisers and of density control. */
void report_steps();

}  // namespace pgs
