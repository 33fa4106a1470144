// Shared by both branches: how deltas move a splat. Opacity and colour never move, and are posed once at load.
// features is [16 planes][movingCount] of 4 values, so that neighbouring threads read neighbouring addresses.

// Which moving splat a slot of the dispatch is; slots behind the last compute it again instead of branching.
fn splatAt(slot: u32) -> u32 {
    return activeIds[frame.firstId + min(slot, frame.activeCount - 1u)];
}

// Eq. 9: mean + delta_mean, exp(logScale + delta_scale), normalise(quat + delta_quat); deltas in this order, metres first.
fn applyFaceDeltas(i: u32, d0: vec4f, d1: vec4f, d2: vec4f) {
    let rest = canonicalSplats[i];
    let quat = rest.quat + vec4f(d1.zw, d2.xy);
    posedSplats[i].mean = rest.mean + d0.xyz;
    posedSplats[i].scales = exp(rest.logScales + vec3f(d0.w, d1.xy));
    posedSplats[i].quat = quat / max(length(quat), 1e-12);
}

// Eq. 7: only the mean moves; scales and rotation were posed when the head was loaded.
fn applyMouthDeltas(i: u32, d: vec4f) {
    posedSplats[i].mean = canonicalSplats[i].mean + d.xyz;
}
