/*
 * A small thread pool: parallel loops over numbered chunks. Which thread takes a chunk is not fixed, what a chunk writes is:
 * every kernel that needs a sum gives each chunk its own slot and adds the slots in order, so results do not depend on threads.
 */
#pragma once
#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace pgs {

class Pool {
  public:
    explicit Pool(int threads) {
        const int count = threads > 0 ? threads : int(std::thread::hardware_concurrency());
        for (int i = 1; i < (count < 1 ? 1 : count); i++) workers_.emplace_back([this] { work(); });
    }
    ~Pool() {
        {
            std::lock_guard<std::mutex> lock(mutex_);
            stop_ = true;
        }
        wake_.notify_all();
        for (auto& worker : workers_) worker.join();
    }
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    int threads() const { return int(workers_.size()) + 1; }

    /* Calls body(chunk) for chunk in [0, chunks), on all threads, and returns when all are done. Not re-entrant. */
    template <class F> void run(int chunks, F&& body) {
        if (chunks <= 0) return;
        if (workers_.empty() || chunks == 1) {
            for (int i = 0; i < chunks; i++) body(i);
            return;
        }
        std::function<void(int)> call = [&body](int i) { body(i); };
        {
            std::lock_guard<std::mutex> lock(mutex_);
            body_ = &call;
            chunks_ = chunks;
            next_.store(0);
            busy_ = int(workers_.size());
            generation_++;
        }
        wake_.notify_all();
        drain(call, chunks);
        std::unique_lock<std::mutex> lock(mutex_);
        done_.wait(lock, [this] { return busy_ == 0; });
        body_ = nullptr;
    }

    /* Splits [0, n) into ranges of `grain` (a fixed partition) and calls body(begin, end, chunk). */
    template <class F> void ranges(int n, int grain, F&& body) {
        const int chunks = (n + grain - 1) / grain;
        run(chunks, [&](int chunk) {
            const int begin = chunk * grain;
            body(begin, begin + grain < n ? begin + grain : n, chunk);
        });
    }

  private:
    void drain(const std::function<void(int)>& call, int chunks) {
        for (int i = next_.fetch_add(1); i < chunks; i = next_.fetch_add(1)) call(i);
    }
    void work() {
        uint64_t seen = 0;
        for (;;) {
            const std::function<void(int)>* call;
            int chunks;
            {
                std::unique_lock<std::mutex> lock(mutex_);
                wake_.wait(lock, [&] { return stop_ || generation_ != seen; });
                if (stop_) return;
                seen = generation_;
                call = body_;
                chunks = chunks_;
            }
            drain(*call, chunks);
            {
                std::lock_guard<std::mutex> lock(mutex_);
                if (--busy_ == 0) done_.notify_one();
            }
        }
    }

    std::vector<std::thread> workers_;
    std::mutex mutex_;
    std::condition_variable wake_, done_;
    const std::function<void(int)>* body_ = nullptr;
    std::atomic<int> next_{0};
    int chunks_ = 0, busy_ = 0;
    uint64_t generation_ = 0;
    bool stop_ = false;
};

}  // namespace pgs
