// Deforms the inside of the mouth (Eqs. 6-7), refactored: gate and layer 0 were baked per splat (planes 0-7 and 8-15), the
// frame's part of the gate and the matrix that maps a gate to layer 0 arrive in frame.
// One thread per four active splats, a workgroup apart, as in deform-face.wgsl. Reads activeIds, features, canonicalSplats,
// weights, frame; writes posedSplats.means. No barriers. Layer 0 is summed gate by gate, so that gates need no registers:
// 32 vec4f of hidden values stay alive.

fn sigmoid(x: vec4f) -> vec4f {
    return 1.0 / (1.0 + exp(-x));
}

@compute @workgroup_size(64)
fn deformMouth(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let movingCount = frame.movingCount;
    let first = group.x * (4u * 64u) + lane;
    if (first >= frame.activeCount) { return; }
    let a = splatAt(first);
    let b = splatAt(first + 64u);
    let c = splatAt(first + 128u);
    let d = splatAt(first + 192u);
    var a0 = featureAt(8u, a, movingCount); var b0 = featureAt(8u, b, movingCount);
    var c0 = featureAt(8u, c, movingCount); var d0 = featureAt(8u, d, movingCount);
    var a1 = featureAt(9u, a, movingCount); var b1 = featureAt(9u, b, movingCount);
    var c1 = featureAt(9u, c, movingCount); var d1 = featureAt(9u, d, movingCount);
    var a2 = featureAt(10u, a, movingCount); var b2 = featureAt(10u, b, movingCount);
    var c2 = featureAt(10u, c, movingCount); var d2 = featureAt(10u, d, movingCount);
    var a3 = featureAt(11u, a, movingCount); var b3 = featureAt(11u, b, movingCount);
    var c3 = featureAt(11u, c, movingCount); var d3 = featureAt(11u, d, movingCount);
    var a4 = featureAt(12u, a, movingCount); var b4 = featureAt(12u, b, movingCount);
    var c4 = featureAt(12u, c, movingCount); var d4 = featureAt(12u, d, movingCount);
    var a5 = featureAt(13u, a, movingCount); var b5 = featureAt(13u, b, movingCount);
    var c5 = featureAt(13u, c, movingCount); var d5 = featureAt(13u, d, movingCount);
    var a6 = featureAt(14u, a, movingCount); var b6 = featureAt(14u, b, movingCount);
    var c6 = featureAt(14u, c, movingCount); var d6 = featureAt(14u, d, movingCount);
    var a7 = featureAt(15u, a, movingCount); var b7 = featureAt(15u, b, movingCount);
    var c7 = featureAt(15u, c, movingCount); var d7 = featureAt(15u, d, movingCount);
    for (var k = 0u; k < 8u; k++) {
        let shared_gate = frame.gate[k];
        let a_gate = sigmoid(featureAt(k, a, movingCount) + shared_gate);
        let b_gate = sigmoid(featureAt(k, b, movingCount) + shared_gate);
        let c_gate = sigmoid(featureAt(k, c, movingCount) + shared_gate);
        let d_gate = sigmoid(featureAt(k, d, movingCount) + shared_gate);
        let w0 = frame.mix[0u + k]; a0 += w0 * a_gate; b0 += w0 * b_gate; c0 += w0 * c_gate; d0 += w0 * d_gate;
        let w1 = frame.mix[8u + k]; a1 += w1 * a_gate; b1 += w1 * b_gate; c1 += w1 * c_gate; d1 += w1 * d_gate;
        let w2 = frame.mix[16u + k]; a2 += w2 * a_gate; b2 += w2 * b_gate; c2 += w2 * c_gate; d2 += w2 * d_gate;
        let w3 = frame.mix[24u + k]; a3 += w3 * a_gate; b3 += w3 * b_gate; c3 += w3 * c_gate; d3 += w3 * d_gate;
        let w4 = frame.mix[32u + k]; a4 += w4 * a_gate; b4 += w4 * b_gate; c4 += w4 * c_gate; d4 += w4 * d_gate;
        let w5 = frame.mix[40u + k]; a5 += w5 * a_gate; b5 += w5 * b_gate; c5 += w5 * c_gate; d5 += w5 * d_gate;
        let w6 = frame.mix[48u + k]; a6 += w6 * a_gate; b6 += w6 * b_gate; c6 += w6 * c_gate; d6 += w6 * d_gate;
        let w7 = frame.mix[56u + k]; a7 += w7 * a_gate; b7 += w7 * b_gate; c7 += w7 * c_gate; d7 += w7 * d_gate;
    }
    a0 = max(a0, vec4f()); b0 = max(b0, vec4f()); c0 = max(c0, vec4f()); d0 = max(d0, vec4f());
    a1 = max(a1, vec4f()); b1 = max(b1, vec4f()); c1 = max(c1, vec4f()); d1 = max(d1, vec4f());
    a2 = max(a2, vec4f()); b2 = max(b2, vec4f()); c2 = max(c2, vec4f()); d2 = max(d2, vec4f());
    a3 = max(a3, vec4f()); b3 = max(b3, vec4f()); c3 = max(c3, vec4f()); d3 = max(d3, vec4f());
    a4 = max(a4, vec4f()); b4 = max(b4, vec4f()); c4 = max(c4, vec4f()); d4 = max(d4, vec4f());
    a5 = max(a5, vec4f()); b5 = max(b5, vec4f()); c5 = max(c5, vec4f()); d5 = max(d5, vec4f());
    a6 = max(a6, vec4f()); b6 = max(b6, vec4f()); c6 = max(c6, vec4f()); d6 = max(d6, vec4f());
    a7 = max(a7, vec4f()); b7 = max(b7, vec4f()); c7 = max(c7, vec4f()); d7 = max(d7, vec4f());
    var a_out = weights.mlp2Bias;
    var b_out = a_out;
    var c_out = a_out;
    var d_out = a_out;
    for (var row = 0u; row < 8u; row++) {
        var a_row = weights.mlp1Bias[row];
        var b_row = a_row;
        var c_row = a_row;
        var d_row = a_row;
        let w0 = weights.mlp1[row * 8u + 0u]; a_row += w0 * a0; b_row += w0 * b0; c_row += w0 * c0; d_row += w0 * d0;
        let w1 = weights.mlp1[row * 8u + 1u]; a_row += w1 * a1; b_row += w1 * b1; c_row += w1 * c1; d_row += w1 * d1;
        let w2 = weights.mlp1[row * 8u + 2u]; a_row += w2 * a2; b_row += w2 * b2; c_row += w2 * c2; d_row += w2 * d2;
        let w3 = weights.mlp1[row * 8u + 3u]; a_row += w3 * a3; b_row += w3 * b3; c_row += w3 * c3; d_row += w3 * d3;
        let w4 = weights.mlp1[row * 8u + 4u]; a_row += w4 * a4; b_row += w4 * b4; c_row += w4 * c4; d_row += w4 * d4;
        let w5 = weights.mlp1[row * 8u + 5u]; a_row += w5 * a5; b_row += w5 * b5; c_row += w5 * c5; d_row += w5 * d5;
        let w6 = weights.mlp1[row * 8u + 6u]; a_row += w6 * a6; b_row += w6 * b6; c_row += w6 * c6; d_row += w6 * d6;
        let w7 = weights.mlp1[row * 8u + 7u]; a_row += w7 * a7; b_row += w7 * b7; c_row += w7 * c7; d_row += w7 * d7;
        let v = weights.mlp2[row];
        a_out += v * max(a_row, vec4f());
        b_out += v * max(b_row, vec4f());
        c_out += v * max(c_row, vec4f());
        d_out += v * max(d_row, vec4f());
    }
    applyMouthDeltas(frame.firstSplat + a, a_out);
    applyMouthDeltas(frame.firstSplat + b, b_out);
    applyMouthDeltas(frame.firstSplat + c, c_out);
    applyMouthDeltas(frame.firstSplat + d, d_out);
}
