// Draws one splat as a quad (method.md section 3): projects the Gaussian with the view's own matrices, bounds it where its
// alpha falls to ALPHA_MIN, and evaluates its colour. One invocation per quad corner; 16 quads an instance, because
// software rasterizers pay for each instance. Corner in position.xy (-1 or 1), quad within the instance in position.z.
// Reads splatOrder (back to front), posedSplats, splatColours (the heat map: pixelCounts). Screen space here is pixels, y up,
// as Babylon's fragmentInputs.position in every target.

attribute position : vec3f;

uniform headToView : mat4x4f;
uniform headToWorld : mat4x4f;
uniform projection : mat4x4f;
// Left, bottom, width, height, px.
uniform viewport : vec4f;
// xyz: camera centre in head space. w: +1 where the view looks along +z (left-handed scene), else -1.
uniform cameraInHead : vec4f;
// x: nearest view depth drawn. y: factor on every opacity. z: splats in the order; what follows them there is stale.
uniform drawLimits : vec4f;

var<storage, read> splatOrder : array<u32>;
var<storage, read> posedSplats : array<PosedSplat>;
var<storage, read> splatColours : array<u32>;
// The heat map: pixels that each splat reaches (Eq. 5).
#ifdef SPLAT_HEAT
var<storage, read> pixelCounts : array<u32>;
#endif

// Centre, px, and log2 of the opacity there; what log2 of it loses with the square of the distance (xx, xy + yx, yy), px^-2; colour,
// not premultiplied.
flat varying splatCentre : vec3f;
flat varying splatFalloff : vec3f;
flat varying splatColour : vec3f;

// <splat functions>
// <fog>

const LOG2_E: f32 = 1.4426950408889634;

fn culled() -> vec4f {
    // Outside the clip volume, so no fragment.
    return vec4f(0.0, 0.0, -2.0, 1.0);
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
    if (slot < u32(uniforms.drawLimits.z)) {
        let i = splatOrder[slot] & SPLAT_ID_MASK;
        let splat = posedSplats[i];
        let view = uniforms.headToView * vec4f(splat.mean, 1.0);
        let depth = uniforms.cameraInHead.w * view.z;
        let opacity = splat.opacity * uniforms.drawLimits.y;
        let clip = uniforms.projection * view;
        let covariance = screenCovariance(splat, view.xyz, uniforms.headToView, uniforms.projection, 0.5 * uniforms.viewport.zw);
        let determinant = covariance.x * covariance.z - covariance.y * covariance.y;
        if (depth > uniforms.drawLimits.x && opacity > ALPHA_MIN && determinant > 0.0) {
            let pixels = 0.5 * uniforms.viewport.zw;
            let ndc = clip.xy / clip.w;
            let offset = quadCorner(covariance, opacity, vertexInputs.position.xy) / pixels;
            vertexOutputs.position = vec4f((ndc + offset) * clip.w, clip.zw);
            vertexOutputs.splatCentre = vec3f(uniforms.viewport.xy + (ndc + 1.0) * pixels, log2(opacity));
            vertexOutputs.splatFalloff = (-0.5 * LOG2_E / determinant) * vec3f(covariance.z, -2.0 * covariance.y, covariance.x);
#ifdef SPLAT_HEAT
            var colour = heatColour(pixelCounts[i]);
#else
            var colour = shColour(i, normalize(splat.mean - uniforms.cameraInHead.xyz));
#endif
#ifdef FOG
            colour = mix(uniforms.vFogColor, colour, fogFactor(length(view.xyz)));
#endif
            // After the fog: its colour is an sRGB value too.
#ifdef SPLAT_LINEAR_OUTPUT
            colour = pow(colour, vec3f(2.2));
#endif
            vertexOutputs.splatColour = colour;
            let worldPos = uniforms.headToWorld * vec4f(splat.mean, 1.0);
#include<clipPlaneVertex>
        }
    }
}
