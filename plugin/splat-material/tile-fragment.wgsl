// Puts a picture of the tile rasterizer (compute/tile-raster.wgsl) into the pass being recorded: its premultiplied colour, or,
// where TILE_DEPTH is set, its median depth wherever the head hides half of what lies behind. What stands before the head
// needs no depth test here: the rasterizer left out what it hides.

// Left, bottom, width, height, px.
uniform viewport : vec4f;
uniform projection : mat4x4f;
// x: +1 where the view looks along +z (left-handed scene), else -1.
uniform handedness : vec4f;

var<storage, read> tileColours : array<vec4f>;
var<storage, read> tileDepths : array<vec2f>;

// <fog>

// Length of the view ray through a pixel to a view depth: Babylon's fog counts along the ray. x, y of the ray from the projection,
// with or without perspective.
fn rayLength(pixel: vec2f, depth: f32) -> f32 {
    let p = uniforms.projection;
    let ndc = 2.0 * pixel / uniforms.viewport.zw - 1.0;
    let z = uniforms.handedness.x * depth;
    let w = p[2].w * z + p[3].w;
    let xy = (ndc * w - p[2].xy * z - p[3].xy) / vec2f(p[0].x, p[1].y);
    return length(vec3f(xy, depth));
}

@fragment
fn main(input : FragmentInputs) -> FragmentOutputs {
    let at = vec2u(fragmentInputs.position.xy - uniforms.viewport.xy);
    let index = at.y * u32(uniforms.viewport.z) + at.x;
    let colour = tileColours[index];
    let depths = tileDepths[index];
#ifdef TILE_DEPTH
    if (depths.y == 0.0) { discard; }
    let clip = uniforms.projection * vec4f(0.0, 0.0, uniforms.handedness.x * depths.y, 1.0);
    fragmentOutputs.fragDepth = clip.z / clip.w;
    fragmentOutputs.color = vec4f();
#else
    if (colour.a == 0.0) { discard; }
    var straight = colour.rgb / colour.a;
#ifdef FOG
    let distance = rayLength(fragmentInputs.position.xy - uniforms.viewport.xy, depths.x / colour.a);
    straight = mix(uniforms.vFogColor, straight, fogFactor(distance));
#endif
    // After the fog: its colour is an sRGB value too.
#ifdef SPLAT_LINEAR_OUTPUT
    straight = pow(straight, vec3f(2.2));
#endif
    fragmentOutputs.color = vec4f(straight * colour.a, colour.a);
#endif
}
