// Shared by both ways to sort: exclusive prefix over 256 digit counts, and the stable rank of 256 threads by an 8-bit digit.
// No subgroups: every thread raises its bit in the mask of its digit, and its rank is the number of bits below.
// Workgroup memory: 8 KiB masks + 1 KiB bases + 1 KiB histogram, inside the default 16 KiB.
// Invariant: masks are zero before and after every rankRow; all 256 threads call it together.

const RADIX: u32 = 256u;
const MASK_WORDS: u32 = 8u;
const NO_DIGIT: u32 = 256u;

var<workgroup> masks: array<atomic<u32>, 2048>;
var<workgroup> bases: array<u32, 256>;
var<workgroup> histogram: array<atomic<u32>, 256>;

// Explicit: implicit zeroing of workgroup atomics is wrong on some Mali drivers.
fn clearMasks(thread: u32) {
    for (var word = thread; word < RADIX * MASK_WORDS; word += RADIX) { atomicStore(&masks[word], 0u); }
}

// bases[digit] = sum of the counts of lower digits (Hillis-Steele, then minus the own count).
fn prefixBases(thread: u32, count: u32) {
    bases[thread] = count;
    workgroupBarrier();
    for (var step = 1u; step < RADIX; step *= 2u) {
        var below = 0u;
        if (thread >= step) { below = bases[thread - step]; }
        workgroupBarrier();
        bases[thread] += below;
        workgroupBarrier();
    }
    bases[thread] -= count;
    workgroupBarrier();
}

// Destination of this thread's item; moves bases[digit] past the row. NO_DIGIT marks a thread without an item.
fn rankRow(thread: u32, digit: u32) -> u32 {
    let holds = digit != NO_DIGIT;
    let word = thread / 32u;
    let first = select(0u, digit * MASK_WORDS, holds);
    if (holds) { atomicOr(&masks[first + word], 1u << (thread % 32u)); }
    workgroupBarrier();
    var rank = 0u;
    var total = 0u;
    var destination = 0u;
    if (holds) {
        for (var w = 0u; w < MASK_WORDS; w++) {
            let bits = atomicLoad(&masks[first + w]);
            total += countOneBits(bits);
            if (w < word) { rank += countOneBits(bits); }
            if (w == word) { rank += countOneBits(bits & ((1u << (thread % 32u)) - 1u)); }
        }
        destination = bases[digit] + rank;
    }
    workgroupBarrier();
    if (holds) {
        atomicStore(&masks[first + word], 0u);
        if (rank == total - 1u) { bases[digit] = destination + 1u; }
    }
    workgroupBarrier();
    return destination;
}

// Key of item i. Items have two places, of which `isBack` says that the second one (the "other" buffers) holds them.
fn keyAt(isBack: bool, i: u32) -> u32 {
    if (isBack) { return otherKeys[i]; }
    return keys[i];
}
