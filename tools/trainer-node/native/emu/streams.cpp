/*
 * Streams, events and graphs. A stream does its work at once, or not before the host waits for it: that is drawn anew whenever it has
 * nothing left, so that a host that overwrites what is still to be copied, frees what is still in use, or reads what is not there yet
 * gives itself away, as do streams that should wait for one another. A graph knows which node waits for which, and runs them in any
 * order that this allows.
 */
#include "streams.h"
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <set>
#include <vector>

namespace {

typedef std::function<void()> Work;

/* The times that an event was recorded: the how-manieth was asked for, and has happened. */
struct Signal {
    PgsEmulatedStream* stream = nullptr;
    uint64_t asked = 0, happened = 0;
    double milliseconds = 0;
};
struct Task {
    Work work;
    std::shared_ptr<Signal> awaits; /* null: nothing */
    uint64_t ticket = 0;
};
struct Node {
    Work work;
    std::set<size_t> after;
};

}  // namespace

struct PgsEmulatedGraph {
    std::vector<Node> nodes;
    bool is_spoilt = false;
};
struct PgsEmulatedStream {
    std::deque<Task> queue;
    bool is_lazy = false;
    std::shared_ptr<PgsEmulatedGraph> capturing;
    bool is_origin = false;
    std::set<size_t> last; /* of the graph that it captures: what its next node comes after */
};
struct PgsEmulatedEvent {
    std::shared_ptr<Signal> signal = std::make_shared<Signal>();
    std::shared_ptr<PgsEmulatedGraph> captured; /* where it was last recorded in a capture */
    std::set<size_t> last;
};

namespace {

std::set<PgsEmulatedStream*>& streams() {
    static std::set<PgsEmulatedStream*> all;
    return all;
}
thread_local PgsEmulatedGraph* own_capture = nullptr;
thread_local cudaError_t last_error = cudaSuccess;

uint64_t draw() { /* xorshift64* */
    static uint64_t state = 0x9e3779b97f4a7c15ull;
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (state * 0x2545f4914f6cdd1dull) >> 32;
}

bool is_runnable(const PgsEmulatedStream& stream) {
    if (stream.queue.empty()) return false;
    const Task& head = stream.queue.front();
    return !head.awaits || head.awaits->happened >= head.ticket;
}
void run_head(PgsEmulatedStream& stream) {
    const Task task = std::move(stream.queue.front());
    stream.queue.pop_front();
    if (task.work) task.work();
}
/* One task that brings the stream forward: its own next, or one of the stream that it waits for. */
void advance(PgsEmulatedStream& stream) {
    if (is_runnable(stream)) return run_head(stream);
    PgsEmulatedStream* const other = stream.queue.front().awaits->stream;
    if (other == &stream || !streams().count(other) || other->queue.empty()) {
        std::fprintf(stderr, "simt: a stream waits for what never happens\n");
        std::abort();
    }
    advance(*other);
}
/* Runs the stream until `done` says so; half of the time others run ahead of it, the rest of the time not before they must. */
template <class F>
void run_until(PgsEmulatedStream& stream, F&& done) {
    const bool mixed = draw() & 1;
    while (!done()) {
        for (PgsEmulatedStream* other : streams())
            if (mixed && draw() & 1 && is_runnable(*other)) run_head(*other);
        if (!done()) advance(stream);
    }
}
void drain(PgsEmulatedStream& stream) {
    run_until(stream, [&] { return stream.queue.empty(); });
}

void push(PgsEmulatedStream& stream, Task task) {
    if (stream.queue.empty()) stream.is_lazy = draw() & 1;
    stream.queue.push_back(std::move(task));
    if (stream.is_lazy) return;
    while (is_runnable(stream)) run_head(stream);
}

/* A third of the time any node that can run is next; else one branch runs ahead as far as it can, the first or the last of them. */
void run_graph(const PgsEmulatedGraph& graph) {
    enum { ANY, FIRST, LAST } const order = decltype(ANY)(draw() % 3);
    std::vector<size_t> waiting(graph.nodes.size()), ready;
    const auto open = [&](auto&& is_open) {
        for (size_t k = 0; k < graph.nodes.size(); k++) {
            const size_t i = order == FIRST ? graph.nodes.size() - 1 - k : k;
            if (is_open(i)) ready.push_back(i);
        }
    };
    for (size_t i = 0; i < graph.nodes.size(); i++) waiting[i] = graph.nodes[i].after.size();
    open([&](size_t i) { return waiting[i] == 0; });
    while (!ready.empty()) {
        if (order == ANY) std::swap(ready[draw() % ready.size()], ready.back());
        const size_t node = ready.back();
        ready.pop_back();
        graph.nodes[node].work();
        open([&](size_t i) { return graph.nodes[i].after.count(node) && --waiting[i] == 0; });
    }
}

/* Every node comes before what the origin does next. */
bool is_joined(const PgsEmulatedGraph& graph, std::set<size_t> reached) {
    std::vector<size_t> open(reached.begin(), reached.end());
    while (!open.empty()) {
        const size_t node = open.back();
        open.pop_back();
        for (size_t before : graph.nodes[node].after)
            if (reached.insert(before).second) open.push_back(before);
    }
    return reached.size() == graph.nodes.size();
}

}  // namespace

std::recursive_mutex& simt::gpu_lock() {
    static std::recursive_mutex lock;
    return lock;
}
#define WITH_GPU const std::lock_guard<std::recursive_mutex> gpu_held(simt::gpu_lock())

cudaError_t simt::fail(cudaError_t error) {
    if (error != cudaSuccess) last_error = error;
    return error;
}
bool simt::spoils_capture() {
    if (own_capture) own_capture->is_spoilt = true;
    return own_capture != nullptr;
}
cudaError_t cudaGetLastError() {
    const cudaError_t error = last_error;
    last_error = cudaSuccess;
    return error;
}

void simt::submit(cudaStream_t stream, Work work) {
    WITH_GPU;
    if (!stream) return work();
    if (!stream->capturing) return push(*stream, {std::move(work), nullptr, 0});
    stream->capturing->nodes.push_back({std::move(work), stream->last});
    stream->last = {stream->capturing->nodes.size() - 1};
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
    WITH_GPU;
    const void* const host = kind == cudaMemcpyHostToDevice ? from : to;
    const bool is_pageable = kind != cudaMemcpyDeviceToDevice && !simt::is_pinned(host);
    if (stream && stream->capturing && is_pageable) {
        stream->capturing->is_spoilt = true;
        return simt::fail(cudaErrorStreamCaptureUnsupported);
    }
    /* What is sent from pageable memory may be read as late as from pinned memory: nothing promises more. What comes there has come. */
    simt::submit(stream, [=] {
        if (bytes > 0) std::memcpy(to, from, bytes);
    });
    if (stream && is_pageable && kind == cudaMemcpyDeviceToHost) drain(*stream);
    return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* memory, int byte, size_t bytes, cudaStream_t stream) {
    simt::submit(stream, [=] { std::memset(memory, byte, bytes); });
    return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
    WITH_GPU;
    *stream = new PgsEmulatedStream;
    streams().insert(*stream);
    return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    WITH_GPU;
    drain(*stream);
    streams().erase(stream);
    delete stream;
    return cudaSuccess;
}
/* What was not launched has not happened: a wait for it would be a mistake, and is one on a GPU. */
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    WITH_GPU;
    if (!stream) return cudaSuccess;
    if (stream->capturing) {
        stream->capturing->is_spoilt = true;
        return simt::fail(cudaErrorStreamCaptureUnsupported);
    }
    drain(*stream);
    return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
    *event = new PgsEmulatedEvent;
    return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
    delete event;
    return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
    WITH_GPU;
    event->captured = stream->capturing;
    event->last = stream->last;
    if (stream->capturing) return cudaSuccess;
    const std::shared_ptr<Signal> signal = event->signal;
    const uint64_t ticket = ++signal->asked;
    signal->stream = stream;
    const auto happen = [=] {
        const auto now = std::chrono::steady_clock::now().time_since_epoch();
        signal->happened = ticket;
        signal->milliseconds = std::chrono::duration<double, std::milli>(now).count();
    };
    push(*stream, {happen, nullptr, 0});
    return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
    WITH_GPU;
    if (event->captured) return simt::fail(cudaErrorCapturedEvent);
    const Signal& signal = *event->signal;
    const uint64_t ticket = signal.asked;
    if (signal.happened < ticket) run_until(*signal.stream, [&] { return signal.happened >= ticket; });
    return cudaSuccess;
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t from, cudaEvent_t to) {
    WITH_GPU;
    for (const cudaEvent_t event : {from, to})
        if (event->signal->happened < event->signal->asked || event->signal->asked == 0) return simt::fail(cudaErrorNotReady);
    *milliseconds = float(to->signal->milliseconds - from->signal->milliseconds);
    return cudaSuccess;
}
/* A stream that waits for an event of a capture is captured too. */
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
    WITH_GPU;
    if (event->captured) {
        const auto still = [&](const PgsEmulatedStream* other) { return other->capturing == event->captured; };
        if (std::none_of(streams().begin(), streams().end(), still)) return simt::fail(cudaErrorCapturedEvent);
        if (stream->capturing && stream->capturing != event->captured) return simt::fail(cudaErrorStreamCaptureIsolation);
        stream->capturing = event->captured;
        stream->last.insert(event->last.begin(), event->last.end());
        return cudaSuccess;
    }
    if (stream->capturing) {
        stream->capturing->is_spoilt = true;
        return simt::fail(cudaErrorStreamCaptureIsolation);
    }
    if (event->signal->asked > 0) push(*stream, {nullptr, event->signal, event->signal->asked});
    return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
    WITH_GPU;
    if (!stream || stream->capturing || own_capture) return simt::fail(cudaErrorInvalidValue);
    stream->capturing = std::make_shared<PgsEmulatedGraph>();
    stream->is_origin = true;
    own_capture = stream->capturing.get();
    return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
    WITH_GPU;
    *graph = nullptr;
    if (!stream || !stream->is_origin || own_capture != stream->capturing.get()) return simt::fail(cudaErrorInvalidValue);
    const std::shared_ptr<PgsEmulatedGraph> captured = stream->capturing;
    const bool joined = is_joined(*captured, stream->last);
    for (PgsEmulatedStream* other : streams()) {
        if (other->capturing != captured) continue;
        other->capturing = nullptr;
        other->is_origin = false;
        other->last.clear();
    }
    own_capture = nullptr;
    if (captured->is_spoilt) return simt::fail(cudaErrorStreamCaptureInvalidated);
    if (!joined) return simt::fail(cudaErrorStreamCaptureUnjoined);
    *graph = new PgsEmulatedGraph(*captured);
    return cudaSuccess;
}
/* Launches that wait in a queue keep a graph alive that is destroyed. */
struct PgsEmulatedExec {
    std::shared_ptr<const PgsEmulatedGraph> graph;
};
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
    *exec = new PgsEmulatedExec{std::make_shared<const PgsEmulatedGraph>(*graph)};
    return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
    WITH_GPU;
    if (!stream || stream->capturing) return simt::fail(cudaErrorInvalidValue);
    if (std::getenv("PGS_EMULATED_LOSS")) return simt::fail(cudaErrorUnknown);
    simt::submit(stream, [graph = exec->graph] { run_graph(*graph); });
    return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    delete graph;
    return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
    delete exec;
    return cudaSuccess;
}
