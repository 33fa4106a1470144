// Blends two key poses into the shown pose: what the deformation moves (Eqs. 7 and 9) lies between two instants, the face's means,
// sizes and rotations and the mouth's means. One thread per active splat, the face's first. Reads activeIds, keySplats0,
// keySplats1, blend; writes posedSplats. No barriers.

// Not mix(): drivers may write it as a + share * (b - a), which misses b at share 1.
fn between3(a: vec3f, b: vec3f) -> vec3f {
    return a * (1.0 - blend.share) + b * blend.share;
}

// q and -q turn alike; the nearer of the two keeps the way short. Lengths stay above 0.7, for both ends are units less than 90
// degrees apart; a key that was never deformed is zero and has no share.
fn betweenQuats(a: vec4f, b: vec4f) -> vec4f {
    let near = select(b, -b, dot(a, b) < 0.0);
    return normalize(a * (1.0 - blend.share) + near * blend.share);
}

@compute @workgroup_size(64)
fn blendKeys(@builtin(global_invocation_id) thread: vec3u) {
    let slot = thread.x;
    if (slot < blend.faceCount) {
        let i = activeIds[slot];
        posedSplats[i].mean = between3(keySplats0[i].mean, keySplats1[i].mean);
        posedSplats[i].scales = between3(keySplats0[i].scales, keySplats1[i].scales);
        posedSplats[i].quat = betweenQuats(keySplats0[i].quat, keySplats1[i].quat);
    } else if (slot - blend.faceCount < blend.mouthCount) {
        let i = blend.firstMouthSplat + activeIds[blend.firstMouthId + slot - blend.faceCount];
        posedSplats[i].mean = between3(keySplats0[i].mean, keySplats1[i].mean);
    }
}
