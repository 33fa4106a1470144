// Sort keys of one view: ascending order draws back to front, all of the mouth before any of the face (Eq. 10).
// One thread per splat. Reads posedSplats; writes keys, and ids in the wide layout. No barriers.
// Packed layout (depthShift 16): face 1 bit | nearness 15 bits | splat id 16 bits, so that the sort needs no payload and
// equal depths stay in splat order. Wide layout (depthShift 0): face 1 bit | nearness 23 bits, the id beside it.

@compute @workgroup_size(64)
fn depthKeys(@builtin(global_invocation_id) thread: vec3u) {
    let i = thread.x;
    if (i >= sortParams.splatCount) { return; }
    let nearness = clamp(dot(sortParams.nearness.xyz, posedSplats[i].mean) + sortParams.nearness.w, 0.0, 1.0);
    let isFace = select(0u, 1u, i < sortParams.faceCount);
    let depth = u32(nearness * sortParams.depthSteps + 0.5);
    let key = (isFace << sortParams.faceShift) | (depth << sortParams.depthShift);
    if (sortParams.depthShift == 0u) {
        keys[i] = key;
        ids[i] = i;
    } else {
        keys[i] = key | i;
    }
}
