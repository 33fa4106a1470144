// Puts a layer of blended quads into the pass being recorded; or, where LAYER_DEPTH is set, the scene's depth map into the layer's
// depth buffer, before its quads, so that the hardware's own test cuts each splat. One invocation a pixel. Reads picture: the
// layer (premultiplied colours as trained, the size of the viewport), or the map (camera-space z, 0 where nothing is).

// Left, bottom, width, height, px.
uniform viewport : vec4f;
uniform projection : mat4x4f;
// x: +1 where the view looks along +z (left-handed scene), else -1.
uniform handedness : vec4f;

var picture : texture_2d<f32>;

@fragment
fn main(input : FragmentInputs) -> FragmentOutputs {
    let at = fragmentInputs.position.xy - uniforms.viewport.xy;
#ifdef LAYER_DEPTH
    let size = vec2f(textureDimensions(picture));
    let depth = abs(textureLoad(picture, vec2u(min(at / uniforms.viewport.zw * size, size - 1.0)), 0).r);
    if (depth == 0.0) { discard; }
    let clip = uniforms.projection * vec4f(0.0, 0.0, uniforms.handedness.x * depth, 1.0);
    fragmentOutputs.fragDepth = clip.z / clip.w;
    fragmentOutputs.color = vec4f();
#else
    var colour = textureLoad(picture, vec2u(at), 0);
    if (colour.a == 0.0) { discard; }
#ifdef SPLAT_LINEAR_OUTPUT
    colour = vec4f(pow(colour.rgb / colour.a, vec3f(2.2)) * colour.a, colour.a);
#endif
    fragmentOutputs.color = colour;
#endif
}
