// Projects the splats of a view and lays them out front to back: slot s of screenSplats holds the s-th nearest (all of the
// face before any of the mouth, Eq. 10), so that every later walk reads memory in order. One thread per slot, no barriers.
// Reads splatOrder (back to front), posedSplats, splatColours; writes screenSplats. Pixels, y up, from the viewport's corner.

@compute @workgroup_size(64)
fn tileProject(@builtin(global_invocation_id) thread: vec3u) {
    let slot = thread.x;
    if (slot >= tileView.splatCount) { return; }
    let i = splatOrder[tileView.splatCount - 1u - slot] & tileView.idMask;
    let splat = posedSplats[i];
    let view = tileView.headToView * vec4f(splat.mean, 1.0);
    let depth = tileView.cameraInHead.w * view.z;
    let opacity = splat.opacity * tileView.opacity;
    let clip = tileView.projection * view;
    let halfSize = 0.5 * tileView.size;
    let covariance = screenCovariance(splat, view.xyz, tileView.headToView, tileView.projection, halfSize);
    let determinant = covariance.x * covariance.z - covariance.y * covariance.y;
    var screen = ScreenSplat(vec2f(), depth, 0.0, vec3f(1.0, 0.0, 1.0), -1.0, vec3f(), i);
    // Written so that a NaN anywhere culls.
    if (depth > tileView.depthMin && opacity > ALPHA_MIN && determinant > 0.0) {
        let mean2d = (clip.xy / clip.w + 1.0) * halfSize;
        let colour = shColour(i, normalize(splat.mean - tileView.cameraInHead.xyz));
        let conic = vec3f(covariance.z, -covariance.y, covariance.x) / determinant;
        screen = ScreenSplat(mean2d, depth, opacity, conic, 2.0 * log(opacity / ALPHA_MIN), colour, i);
    }
    screenSplats[slot] = screen;
}
