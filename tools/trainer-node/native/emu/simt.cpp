/*
 * The machine behind simt.h: fibers, barriers by counting, all of it deterministic in the seed. Fibers are made by ucontext, once,
 * and switched by _setjmp: swapcontext asks the kernel for the signal mask twice a switch, which was half of the suite's time.
 */
#include "simt.h"
#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <algorithm>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

/* Bounds of every `__shared__` variable, made by the linker; absent where a program has none. */
extern "C" char __start_pgs_shared[] __attribute__((weak));
extern "C" char __stop_pgs_shared[] __attribute__((weak));

namespace simt {

dim3 thread_idx, block_idx, block_dim, grid_dim;

namespace {

/* Enough for the backward pass' arrays, several times over; pages that are not touched cost nothing. */
constexpr size_t STACK_BYTES = 128 << 10;

enum State { READY, AT_BLOCK, AT_WARP, ENDED };
enum Life { NEW, INSIDE, PARKED }; /* never run, inside a kernel, between two blocks */

struct Fiber {
    ucontext_t birth;
    jmp_buf here;
    Life life = NEW;
    char* stack = nullptr;
    State state = READY;
    int line = 0;
    unsigned mask = 0;
    dim3 index;
};

struct Warp {
    std::vector<int> ready; /* fibers */
    uint64_t priority = 0;
    uint64_t values[2][WARP]; /* two, as a lane may be one operation ahead of another */
    unsigned arrived = 0;
    int turn = 0;
};

std::vector<Fiber> fibers;
std::vector<Warp> warps;
jmp_buf scheduler;
const std::function<void()>* kernel_body = nullptr;
int current = -1, threads = 0, block_arrived = 0, block_sum = 0, block_result = 0;
uint64_t random_state = 1;
std::string failure;

uint64_t draw() { /* xorshift64* */
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 0x2545f4914f6cdd1dull;
}

void make_ready(int fiber) {
    fibers[fiber].state = READY;
    warps[fiber / WARP].ready.push_back(fiber);
}

/*
 * Who runs next, -1 where nobody can: any lane of a warp. Half of the blocks draw the warp each time; in the other half the warps
 * have ranks, and the first of them that can run does, as far ahead of the others as barriers allow.
 */
int next_fiber(bool ranked) {
    Warp* best = nullptr;
    size_t able = 0;
    for (Warp& warp : warps) {
        if (warp.ready.empty()) continue;
        able++;
        if (!best || (ranked ? warp.priority > best->priority : draw() % able == 0)) best = &warp;
    }
    if (!best) return -1;
    const size_t pick = size_t(draw() % best->ready.size());
    const int fiber = best->ready[pick];
    best->ready[pick] = best->ready.back();
    best->ready.pop_back();
    return fiber;
}

void yield_fiber() {
    if (!_setjmp(fibers[current].here)) _longjmp(scheduler, 1);
}

/* Back when the fiber yields. A function of its own: what a caller keeps in registers does not survive _setjmp. */
__attribute__((noinline)) void resume_fiber(Fiber& fiber) {
    if (_setjmp(scheduler)) return;
    const bool first = fiber.life == NEW;
    fiber.life = INSIDE;
    if (first) setcontext(&fiber.birth);
    _longjmp(fiber.here, 1);
}

/* A thread found its block inconsistent: it never runs again, and the scheduler reports. */
void fail(const std::string& message) {
    if (failure.empty()) failure = message;
    fibers[current].state = AT_BLOCK;
    for (;;) yield_fiber();
}

void run_fiber() {
    for (;;) {
        (*kernel_body)();
        fibers[current].state = ENDED;
        fibers[current].life = PARKED;
        yield_fiber();
    }
}

void start_fiber(int i) {
    Fiber& fiber = fibers[i];
    if (!fiber.stack) {
        void* memory = mmap(nullptr, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED) throw std::runtime_error("simt: no memory for a thread's stack");
        fiber.stack = static_cast<char*>(memory);
        mprotect(memory, 4096, PROT_NONE); /* a stack that overflows must not run into its neighbour's */
    }
    if (fiber.life != PARKED) { /* one that a failed block left inside its kernel starts anew */
        fiber.life = NEW;
        getcontext(&fiber.birth);
        fiber.birth.uc_stack.ss_sp = fiber.stack;
        fiber.birth.uc_stack.ss_size = STACK_BYTES;
        fiber.birth.uc_link = nullptr;
        makecontext(&fiber.birth, run_fiber, 0);
    }
    const unsigned x = unsigned(i) % block_dim.x, rest = unsigned(i) / block_dim.x;
    fiber.index = dim3(x, rest % block_dim.y, rest / block_dim.y);
}

std::string where_they_wait() {
    std::string text;
    for (int i = 0; i < threads && text.size() < 400; i++) {
        const Fiber& fiber = fibers[i];
        if (i > 0 && fiber.state == fibers[i - 1].state && fiber.line == fibers[i - 1].line) continue;
        const std::string at = fiber.state == AT_WARP ? ": at the warp operation of line " : ": at the barrier of line ";
        text += " thread " + std::to_string(i) + (fiber.state == ENDED ? std::string(": ended") : at + std::to_string(fiber.line)) + ";";
    }
    return text;
}

void run_block(const char* kernel) {
    for (char* byte = __start_pgs_shared; byte < __stop_pgs_shared; byte++) *byte = char(0xff);
    for (Warp& warp : warps) {
        warp.ready.clear();
        warp.priority = draw();
        warp.arrived = 0;
        warp.turn = 0;
    }
    for (int i = 0; i < threads; i++) {
        start_fiber(i);
        make_ready(i);
    }
    block_arrived = block_sum = 0;
    int ended = 0;
    const bool ranked = draw() >> 63;
    while (failure.empty() && (current = next_fiber(ranked)) >= 0) {
        thread_idx = fibers[current].index;
        resume_fiber(fibers[current]);
        if (fibers[current].state == ENDED) ended++;
        if (fibers[current].state == READY) make_ready(current);
    }
    if (failure.empty() && ended < threads) failure = "lanes did not all arrive:" + where_they_wait();
    if (!failure.empty()) {
        const std::string message = std::string(kernel) + ", block " + std::to_string(block_idx.x) + ": " + failure;
        failure.clear();
        throw std::runtime_error(message);
    }
}

}  // namespace

void set_seed(uint64_t seed) { random_state = seed * 0x9e3779b97f4a7c15ull + 0x1234567ull; }

int lane() { return int((thread_idx.x + block_dim.x * (thread_idx.y + block_dim.y * thread_idx.z)) % WARP); }

void pause() {
    if (draw() & 3) return; /* one time in four: enough to mix, cheap enough to stay */
    yield_fiber();
}

int block_barrier(int line, int predicate) {
    Fiber& self = fibers[current];
    self.state = AT_BLOCK;
    self.line = line;
    block_sum += predicate;
    if (++block_arrived < threads) {
        yield_fiber();
        return block_result;
    }
    for (int i = 0; i < threads; i++)
        if (fibers[i].line != line) fail("one barrier, two lines:" + where_they_wait());
    block_result = block_sum == threads;
    block_arrived = block_sum = 0;
    for (int i = 0; i < threads; i++)
        if (i != current) make_ready(i);
    self.state = READY;
    yield_fiber(); /* the last to arrive is not the first to go on */
    return block_result;
}

const uint64_t* warp_exchange(int line, unsigned mask, uint64_t value) {
    const int id = current, own = id % WARP, first = id - own;
    Fiber& self = fibers[id];
    Warp& warp = warps[id / WARP];
    const int turn = warp.turn;
    if (!(mask >> own & 1)) fail("line " + std::to_string(line) + ": a lane outside its own mask");
    warp.values[turn][own] = value;
    warp.arrived |= 1u << own;
    self.state = AT_WARP;
    self.line = line;
    self.mask = mask;
    if (warp.arrived != mask) {
        yield_fiber();
        return warp.values[turn];
    }
    for (int i = 0; i < WARP; i++) {
        if (!(mask >> i & 1)) continue;
        Fiber& other = fibers[first + i];
        if (other.line != line || other.mask != mask) fail("one warp operation, two lines:" + where_they_wait());
        if (i != own) make_ready(first + i);
    }
    self.state = READY;
    warp.arrived = 0;
    warp.turn = 1 - turn;
    yield_fiber();
    return warp.values[turn];
}

void launch(const char* kernel, dim3 grid, dim3 block, const std::function<void()>& body) {
    static std::mutex one_machine;
    const std::lock_guard<std::mutex> lock(one_machine);
    threads = int(block.x * block.y * block.z);
    if (threads < 1 || threads > 1024 || grid.x * grid.y * grid.z < 1)
        throw std::runtime_error(std::string(kernel) + ": expected 1..1024 threads and at least one block");
    block_dim = block;
    grid_dim = grid;
    if (int(fibers.size()) < threads) fibers.resize(threads);
    warps.resize((threads + WARP - 1) / WARP);
    kernel_body = &body;
    std::vector<unsigned> order(size_t(grid.x) * grid.y * grid.z);
    for (size_t i = 0; i < order.size(); i++) order[i] = unsigned(i);
    for (size_t i = order.size(); i > 1; i--) std::swap(order[i - 1], order[draw() % i]);
    for (unsigned id : order) {
        block_idx = dim3(id % grid.x, id / grid.x % grid.y, id / grid.x / grid.y);
        run_block(kernel);
    }
}

}  // namespace simt
