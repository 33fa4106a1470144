// One sample of a splat: alpha from the fragment's own position (interpolated corners lose 3 dB to vertex snapping), and
// premultiplied colour for blending back to front. Sample rules of method.md section 3. Every instruction counts here: a head
// covers each of its pixels some seventy times.

flat varying splatCentre : vec3f;
flat varying splatFalloff : vec3f;
flat varying splatColour : vec3f;

@fragment
fn main(input : FragmentInputs) -> FragmentOutputs {
#include<clipPlaneFragment>
    let d = fragmentInputs.position.xy - fragmentInputs.splatCentre.xy;
    let falloff = fragmentInputs.splatFalloff;
    let exponent = d.x * (falloff.x * d.x + falloff.y * d.y) + (falloff.z * d.y * d.y + fragmentInputs.splatCentre.z);
    let alpha = min(ALPHA_MAX, exp2(exponent));
    if (alpha < ALPHA_MIN) { discard; }
    fragmentOutputs.color = vec4f(fragmentInputs.splatColour * alpha, alpha);
}
