// Sorts items of either precision in one dispatch: one stable 8-bit pass a digit, all in one workgroup.
// 256 threads walk the items a row at a time. The items start in the first place and change it with every digit, so that an
// even number of digits ends where it began. Barriers: 3 a row. Relies on items that ascend by id at the start: equal keys
// keep that order.

@compute @workgroup_size(256)
fn sortInOne(@builtin(local_invocation_index) thread: u32) {
    let count = sortParams.activeCount;
    let rows = (count + RADIX - 1u) / RADIX;
    let digits = (sortParams.faceShift + 1u - sortParams.depthShift) / 8u;
    clearMasks(thread);
    for (var digit = 0u; digit < digits; digit++) {
        let isBack = (digit & 1u) == 1u;
        let shift = sortParams.depthShift + digit * 8u;
        atomicStore(&histogram[thread], 0u);
        workgroupBarrier();
        for (var i = thread; i < count; i += RADIX) {
            atomicAdd(&histogram[(keyAt(isBack, i) >> shift) & 255u], 1u);
        }
        workgroupBarrier();
        prefixBases(thread, atomicLoad(&histogram[thread]));
        for (var row = 0u; row < rows; row++) {
            let i = row * RADIX + thread;
            let holds = i < count;
            var key = 0u;
            if (holds) { key = keyAt(isBack, i); }
            let destination = rankRow(thread, select(NO_DIGIT, (key >> shift) & 255u, holds));
            if (holds) { moveItem(isBack, i, key, destination); }
        }
        // The next digit reads what other threads of this workgroup wrote in this one.
        storageBarrier();
        workgroupBarrier();
    }
}
