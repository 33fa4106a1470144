// Draws one splat as a quad (method.md section 3): projects the Gaussian with the view's own matrices, bounds it where its
// alpha falls to ALPHA_MIN, and evaluates its colour. One invocation per quad corner; 16 quads an instance, because
// software rasterizers pay for each instance. Corner in position.xy (-1 or 1), quad within the instance in position.z.
// Reads splatOrder (back to front), posedSplats, splatColours. Screen space here is pixels, y up, as Babylon's
// fragmentInputs.position in every target.

attribute position : vec3f;

uniform headToView : mat4x4f;
uniform headToWorld : mat4x4f;
uniform projection : mat4x4f;
// Left, bottom, width, height, px.
uniform viewport : vec4f;
// xyz: camera centre in head space. w: +1 where the view looks along +z (left-handed scene), else -1.
uniform cameraInHead : vec4f;
// x: nearest view depth drawn. y: factor on every opacity.
uniform drawLimits : vec4f;

var<storage, read> splatOrder : array<u32>;
var<storage, read> posedSplats : array<PosedSplat>;
var<storage, read> splatColours : array<u32>;

// Centre, px; opacity; then inverse covariance (xx, xy, yy), px^-2; then colour, not premultiplied.
flat varying splatCentre : vec4f;
flat varying splatConic : vec4f;
flat varying splatColour : vec4f;

fn culled() -> vec4f {
    // Outside the clip volume, so no fragment.
    return vec4f(0.0, 0.0, -2.0, 1.0);
}

// Coefficient `k` of a splat's spherical harmonics; three halves, packed without gaps from `base`.
fn shCoefficient(base: u32, k: u32) -> vec3f {
    let half = k * 3u;
    let low = unpack2x16float(splatColours[base + half / 2u]);
    let high = unpack2x16float(splatColours[base + half / 2u + 1u]);
    return select(vec3f(low, high.x), vec3f(low.y, high), (half & 1u) == 1u);
}

// Colour seen along `direction` (camera to mean, head space): SH + 0.5, not below 0.
fn shColour(i: u32, direction: vec3f) -> vec3f {
    let base = i * SPLAT_COLOUR_WORDS;
    var colour = SH_C0 * shCoefficient(base, 0u) + 0.5;
#if SPLAT_SH_DEGREE > 0
    let d = direction;
    colour += SH_C1 * (-d.y * shCoefficient(base, 1u) + d.z * shCoefficient(base, 2u) - d.x * shCoefficient(base, 3u));
#endif
#if SPLAT_SH_DEGREE > 1
    let dd = d * d;
    colour += SH_C2_0 * d.x * d.y * shCoefficient(base, 4u)
        - SH_C2_0 * d.y * d.z * shCoefficient(base, 5u)
        + SH_C2_1 * (2.0 * dd.z - dd.x - dd.y) * shCoefficient(base, 6u)
        - SH_C2_0 * d.x * d.z * shCoefficient(base, 7u)
        + SH_C2_2 * (dd.x - dd.y) * shCoefficient(base, 8u);
#endif
#if SPLAT_SH_DEGREE > 2
    colour += -SH_C3_0 * d.y * (3.0 * dd.x - dd.y) * shCoefficient(base, 9u)
        + SH_C3_1 * d.x * d.y * d.z * shCoefficient(base, 10u)
        - SH_C3_2 * d.y * (4.0 * dd.z - dd.x - dd.y) * shCoefficient(base, 11u)
        + SH_C3_3 * d.z * (2.0 * dd.z - 3.0 * dd.x - 3.0 * dd.y) * shCoefficient(base, 12u)
        - SH_C3_2 * d.x * (4.0 * dd.z - dd.x - dd.y) * shCoefficient(base, 13u)
        + SH_C3_4 * d.z * (dd.x - dd.y) * shCoefficient(base, 14u)
        - SH_C3_0 * d.x * (dd.x - 3.0 * dd.y) * shCoefficient(base, 15u);
#endif
    return max(colour, vec3f());
}

#ifdef FOG
uniform vFogInfos : vec4f;
uniform vFogColor : vec3f;

// Share of a splat's own colour at a distance. vFogInfos: mode (1 exp, 2 exp squared, 3 linear), start, end, density.
fn fogFactor(distance: f32) -> f32 {
    let fog = uniforms.vFogInfos;
    let x = distance * fog.w;
    if (fog.x == 3.0) { return clamp((fog.z - distance) / (fog.z - fog.y), 0.0, 1.0); }
    return clamp(exp(-select(x, x * x, fog.x == 2.0)), 0.0, 1.0);
}
#endif

fn rotation(q: vec4f) -> mat3x3f {
    let w = q.x; let x = q.y; let y = q.z; let z = q.w;
    return mat3x3f(
        1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y + w * z), 2.0 * (x * z - w * y),
        2.0 * (x * y - w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z + w * x),
        2.0 * (x * z + w * y), 2.0 * (y * z - w * x), 1.0 - 2.0 * (x * x + y * y));
}

// Screen covariance (xx, xy, yy), px^2, of a splat whose view-space mean is `view`: J W Sigma W^T J^T + dilation.
fn screenCovariance(splat: PosedSplat, view: vec3f) -> vec3f {
    let p = uniforms.projection;
    let pixels = 0.5 * uniforms.viewport.zw;
    let isPerspective = abs(p[2][3]) > 0.5;
    let w = select(1.0, p[2][3] * view.z, isPerspective);
    // Off-screen means are bent to 1.3 of the half field of view, where the linearisation still holds.
    let limit = FOV_CLAMP * vec2f(1.0 / abs(p[0][0]), 1.0 / abs(p[1][1]));
    let ratio = clamp(view.xy / w, -limit, limit);
    let slope = select(vec2f(), -p[2][3] * vec2f(p[0][0] * ratio.x, p[1][1] * ratio.y), isPerspective);
    let jacobianX = vec3f(p[0][0], 0.0, slope.x) * (pixels.x / w);
    let jacobianY = vec3f(0.0, p[1][1], slope.y) * (pixels.y / w);
    let headToView = mat3x3f(uniforms.headToView[0].xyz, uniforms.headToView[1].xyz, uniforms.headToView[2].xyz);
    var axes = headToView * rotation(splat.quat);
    axes[0] *= splat.scales.x;
    axes[1] *= splat.scales.y;
    axes[2] *= splat.scales.z;
    let u = jacobianX * axes;
    let v = jacobianY * axes;
    return vec3f(dot(u, u) + COV2D_DILATION, dot(u, v), dot(v, v) + COV2D_DILATION);
}

// Offset of a quad corner from the centre, px: along the ellipse's axes, out to where alpha is ALPHA_MIN.
fn quadCorner(covariance: vec3f, opacity: f32, corner: vec2f) -> vec2f {
    let middle = 0.5 * (covariance.x + covariance.z);
    let half = 0.5 * (covariance.x - covariance.z);
    let spread = sqrt(half * half + covariance.y * covariance.y);
    let variances = vec2f(middle + spread, max(middle - spread, COV2D_DILATION));
    var axis = vec2f(1.0, 0.0);
    if (spread > 1e-6 * middle) {
        // Of the two equal ways to write the eigenvector, the one without cancellation.
        axis = normalize(select(vec2f(covariance.y, spread - half), vec2f(spread + half, covariance.y), half > 0.0));
    }
    let reach = sqrt(2.0 * log(opacity / ALPHA_MIN) * variances);
    return axis * (corner.x * reach.x) + vec2f(-axis.y, axis.x) * (corner.y * reach.y);
}

@vertex
fn main(input : VertexInputs) -> FragmentInputs {
    vertexOutputs.position = culled();
    let slot = vertexInputs.instanceIndex * 16u + u32(vertexInputs.position.z);
    if (slot < arrayLength(&splatOrder)) {
        let i = splatOrder[slot] & SPLAT_ID_MASK;
        let splat = posedSplats[i];
        let view = uniforms.headToView * vec4f(splat.mean, 1.0);
        let depth = uniforms.cameraInHead.w * view.z;
        let opacity = splat.opacity * uniforms.drawLimits.y;
        let clip = uniforms.projection * view;
        let covariance = screenCovariance(splat, view.xyz);
        let determinant = covariance.x * covariance.z - covariance.y * covariance.y;
        if (depth > uniforms.drawLimits.x && opacity > ALPHA_MIN && determinant > 0.0) {
            let pixels = 0.5 * uniforms.viewport.zw;
            let ndc = clip.xy / clip.w;
            let offset = quadCorner(covariance, opacity, vertexInputs.position.xy) / pixels;
            vertexOutputs.position = vec4f((ndc + offset) * clip.w, clip.zw);
            vertexOutputs.splatCentre = vec4f(uniforms.viewport.xy + (ndc + 1.0) * pixels, opacity, 0.0);
            vertexOutputs.splatConic = vec4f(covariance.z, -covariance.y, covariance.x, 0.0) / determinant;
            var colour = shColour(i, normalize(splat.mean - uniforms.cameraInHead.xyz));
#ifdef SPLAT_LINEAR_OUTPUT
            colour = pow(colour, vec3f(2.2));
#endif
#ifdef FOG
            colour = mix(uniforms.vFogColor, colour, fogFactor(length(view.xyz)));
#endif
            vertexOutputs.splatColour = vec4f(colour, 1.0);
            let worldPos = uniforms.headToWorld * vec4f(splat.mean, 1.0);
#include<clipPlaneVertex>
        }
    }
}
