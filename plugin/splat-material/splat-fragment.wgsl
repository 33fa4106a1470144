// One sample of a splat: alpha from the fragment's own position (interpolated corners lose 3 dB to vertex snapping), and
// premultiplied colour for blending back to front. Sample rules of method.md section 3.

flat varying splatCentre : vec4f;
flat varying splatConic : vec4f;
flat varying splatColour : vec4f;

@fragment
fn main(input : FragmentInputs) -> FragmentOutputs {
#include<clipPlaneFragment>
    let d = fragmentInputs.position.xy - fragmentInputs.splatCentre.xy;
    let conic = fragmentInputs.splatConic.xyz;
    let power = 0.5 * (conic.x * d.x * d.x + conic.z * d.y * d.y) + conic.y * d.x * d.y;
    let alpha = min(ALPHA_MAX, fragmentInputs.splatCentre.z * exp(-power));
    if (power < 0.0 || alpha < ALPHA_MIN) { discard; }
    fragmentOutputs.color = vec4f(fragmentInputs.splatColour.rgb * alpha, alpha);
}
