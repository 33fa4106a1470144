// Sorts packed items by their upper 16 bits: two stable 8-bit passes in one workgroup and one dispatch.
// 256 threads walk the items a row at a time. Reads and writes keys (holds the result) and scratch. Barriers: 3 a row.
// The lower 16 bits ascend at the start, so equal keys end in splat order.

@compute @workgroup_size(256)
fn sortPacked(@builtin(local_invocation_index) thread: u32) {
    let count = sortParams.splatCount;
    let rows = (count + RADIX - 1u) / RADIX;
    clearMasks(thread);
    for (var digitPass = 0u; digitPass < 2u; digitPass++) {
        let shift = 16u + digitPass * 8u;
        atomicStore(&histogram[thread], 0u);
        workgroupBarrier();
        for (var i = thread; i < count; i += RADIX) {
            atomicAdd(&histogram[(itemAt(digitPass, i) >> shift) & 255u], 1u);
        }
        workgroupBarrier();
        prefixBases(thread, atomicLoad(&histogram[thread]));
        for (var row = 0u; row < rows; row++) {
            let i = row * RADIX + thread;
            let holds = i < count;
            var item = 0u;
            if (holds) { item = itemAt(digitPass, i); }
            let destination = rankRow(thread, select(NO_DIGIT, (item >> shift) & 255u, holds));
            if (holds) {
                if (digitPass == 0u) { scratch[destination] = item; } else { keys[destination] = item; }
            }
        }
        // The second pass reads what other threads of this workgroup wrote in the first.
        storageBarrier();
        workgroupBarrier();
    }
}

fn itemAt(digitPass: u32, i: u32) -> u32 {
    if (digitPass == 0u) { return keys[i]; }
    return scratch[i];
}
