// One stable 8-bit pass over items of either precision, in three dispatches: count digits per block, prefix over all blocks,
// scatter. Reads the first place, writes the other; the host swaps them for the next digit.
// A workgroup owns a block of 2,048 items, 8 rows of 256 threads. digitCounts is digit-major and block-minor, so that
// one exclusive prefix over it gives every block its destinations. Barriers: 3 a row in the scatter.

const BLOCK_ROWS: u32 = 8u;
const BLOCK_ITEMS: u32 = 2048u;

fn blockCount() -> u32 { return (sortParams.activeCount + BLOCK_ITEMS - 1u) / BLOCK_ITEMS; }

@compute @workgroup_size(256)
fn sortCount(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) block: vec3u) {
    atomicStore(&histogram[thread], 0u);
    workgroupBarrier();
    for (var row = 0u; row < BLOCK_ROWS; row++) {
        let i = block.x * BLOCK_ITEMS + row * RADIX + thread;
        if (i < sortParams.activeCount) { atomicAdd(&histogram[(keyAt(false, i) >> sortPass.shift) & 255u], 1u); }
    }
    workgroupBarrier();
    digitCounts[thread * blockCount() + block.x] = atomicLoad(&histogram[thread]);
}

// One workgroup. Thread d walks the blocks of digit d twice: for the digit's total, then to write the prefixes.
@compute @workgroup_size(256)
fn sortPrefix(@builtin(local_invocation_index) thread: u32) {
    let blocks = blockCount();
    let first = thread * blocks;
    var total = 0u;
    for (var block = 0u; block < blocks; block++) { total += digitCounts[first + block]; }
    prefixBases(thread, total);
    var base = bases[thread];
    for (var block = 0u; block < blocks; block++) {
        let count = digitCounts[first + block];
        digitCounts[first + block] = base;
        base += count;
    }
}

@compute @workgroup_size(256)
fn sortScatter(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) block: vec3u) {
    clearMasks(thread);
    bases[thread] = digitCounts[thread * blockCount() + block.x];
    workgroupBarrier();
    for (var row = 0u; row < BLOCK_ROWS; row++) {
        let i = block.x * BLOCK_ITEMS + row * RADIX + thread;
        let holds = i < sortParams.activeCount;
        var key = 0u;
        if (holds) { key = keyAt(false, i); }
        let destination = rankRow(thread, select(NO_DIGIT, (key >> sortPass.shift) & 255u, holds));
        if (holds) { moveItem(false, i, key, destination); }
    }
}
