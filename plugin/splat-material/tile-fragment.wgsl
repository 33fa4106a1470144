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
#ifdef SPLAT_LINEAR_OUTPUT
    straight = pow(straight, vec3f(2.2));
#endif
#ifdef FOG
    straight = mix(uniforms.vFogColor, straight, fogFactor(depths.x / colour.a));
#endif
    fragmentOutputs.color = vec4f(straight * colour.a, colour.a);
#endif
}
