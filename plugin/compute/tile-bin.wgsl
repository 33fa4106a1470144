// Which splats reach which bin (4 x 4 tiles): one bit a splat, 32 splats a word, so a list can neither overflow nor lose its
// order. One thread per word, no barriers. Reads screenSplats; writes binWords[bin * wordCount + word].

@compute @workgroup_size(64)
fn tileBin(@builtin(global_invocation_id) thread: vec3u) {
    let word = thread.x;
    let bin = thread.y;
    if (word >= tileView.wordCount) { return; }
    let corner = BIN_SIZE * vec2u(bin % tileView.bins.x, bin / tileView.bins.x);
    let low = vec2f(corner) + 0.5;
    let high = min(vec2f(corner + BIN_SIZE), tileView.size) - 0.5;
    let first = word * 32u;
    let count = min(32u, tileView.splatCount - first);
    var bits = 0u;
    for (var k = 0u; k < count; k++) {
        let splat = screenSplats[first + k];
        if (splat.reach > 0.0 && reachesRect(splat, low, high)) { bits |= 1u << k; }
    }
    binWords[bin * tileView.wordCount + word] = bits;
}
