// Sort keys of one view: ascending order draws back to front, all of the mouth before any of the face (Eq. 10).
// One thread per sorted splat; which splat it is comes from active-ids-{on,off}.wgsl. Reads posedSplats (and activeIds); writes
// keys, and ids for the fine precision. No barriers.
// Packed (depthShift 16): face 1 bit | nearness 15 bits | splat id 16 bits, so that the sort needs no payload and
// equal depths stay in splat order. Fine (depthShift 0): face 1 bit | nearness 23 bits, the id beside it.

@compute @workgroup_size(64)
fn depthKeys(@builtin(global_invocation_id) thread: vec3u) {
    let place = thread.x;
    if (place >= sortParams.activeCount) { return; }
    let i = splatOf(place);
    let nearness = clamp(dot(sortParams.nearness.xyz, posedSplats[i].mean) + sortParams.nearness.w, 0.0, 1.0);
    let isFace = select(0u, 1u, i < sortParams.faceCount);
    // The integer bound is for NaN, which may become any number and would spill into the face bit.
    let depth = min(u32(nearness * sortParams.depthSteps + 0.5), u32(sortParams.depthSteps));
    let key = (isFace << sortParams.faceShift) | (depth << sortParams.depthShift);
    if (sortParams.depthShift == 0u) {
        keys[place] = key;
        ids[place] = i;
    } else {
        keys[place] = key | i;
    }
}
