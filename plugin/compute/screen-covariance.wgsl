// Projection of a Gaussian (method.md section 3), for the quads' vertex shader and the tile kernels alike.

fn rotation(q: vec4f) -> mat3x3f {
    let w = q.x; let x = q.y; let y = q.z; let z = q.w;
    return mat3x3f(
        1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y + w * z), 2.0 * (x * z - w * y),
        2.0 * (x * y - w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z + w * x),
        2.0 * (x * z + w * y), 2.0 * (y * z - w * x), 1.0 - 2.0 * (x * x + y * y));
}

// Screen covariance (xx, xy, yy), px^2, y up, of a splat whose view-space mean is `view`: J W Sigma W^T J^T + dilation.
// p: projection of a WebGPU clip space; halfSize: half the viewport, px.
fn screenCovariance(splat: PosedSplat, view: vec3f, headToView: mat4x4f, p: mat4x4f, halfSize: vec2f) -> vec3f {
    let isPerspective = abs(p[2][3]) > 0.5;
    let w = select(1.0, p[2][3] * view.z, isPerspective);
    // Off-screen means are bent to 1.3 of the half field of view, where the linearisation still holds.
    let limit = FOV_CLAMP * vec2f(1.0 / abs(p[0][0]), 1.0 / abs(p[1][1]));
    let ratio = clamp(view.xy / w, -limit, limit);
    let slope = select(vec2f(), -p[2][3] * vec2f(p[0][0] * ratio.x, p[1][1] * ratio.y), isPerspective);
    let jacobianX = vec3f(p[0][0], 0.0, slope.x) * (halfSize.x / w);
    let jacobianY = vec3f(0.0, p[1][1], slope.y) * (halfSize.y / w);
    var axes = mat3x3f(headToView[0].xyz, headToView[1].xyz, headToView[2].xyz) * rotation(splat.quat);
    axes[0] *= splat.scales.x;
    axes[1] *= splat.scales.y;
    axes[2] *= splat.scales.z;
    let u = jacobianX * axes;
    let v = jacobianY * axes;
    return vec3f(dot(u, u) + COV2D_DILATION, dot(u, v), dot(v, v) + COV2D_DILATION);
}
