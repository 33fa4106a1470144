// Deforms the face (Eqs. 8-9), refactored: per splat, layer 0 was baked and its shared part arrives in frame.speech.
// One thread per six active splats, so that each weight load feeds six products; the six lie a workgroup apart, so that
// neighbouring threads read neighbouring addresses. Reads activeIds, features, canonicalSplats, weights, frame; writes posedSplats.
// No barriers. Two of layer 1's 16 rows of four are summed at a time, over features read again for each pair, and feed layer 2
// at once: 36 vec4f stay alive. Indexed private arrays are 2.4 times slower (measured).

@compute @workgroup_size(64)
fn deformFace(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let movingCount = frame.movingCount;
    let first = group.x * (6u * 64u) + lane;
    if (first >= frame.activeCount) { return; }
    let a = splatAt(first);
    let b = splatAt(first + 64u);
    let c = splatAt(first + 128u);
    let d = splatAt(first + 192u);
    let e = splatAt(first + 256u);
    let f = splatAt(first + 320u);
    var a_out0 = weights.mlp2Bias[0]; var a_out1 = weights.mlp2Bias[1]; var a_out2 = weights.mlp2Bias[2];
    var b_out0 = a_out0; var b_out1 = a_out1; var b_out2 = a_out2;
    var c_out0 = a_out0; var c_out1 = a_out1; var c_out2 = a_out2;
    var d_out0 = a_out0; var d_out1 = a_out1; var d_out2 = a_out2;
    var e_out0 = a_out0; var e_out1 = a_out1; var e_out2 = a_out2;
    var f_out0 = a_out0; var f_out1 = a_out1; var f_out2 = a_out2;
    for (var row = 0u; row < 16u; row += 2u) {
        var a0 = weights.mlp1Bias[row];
        var a1 = weights.mlp1Bias[row + 1u];
        var b0 = a0; var b1 = a1;
        var c0 = a0; var c1 = a1;
        var d0 = a0; var d1 = a1;
        var e0 = a0; var e1 = a1;
        var f0 = a0; var f1 = a1;
        for (var k = 0u; k < 16u; k++) {
            let speech = frame.speech[k];
            let a_in = max(featureAt(k, a, movingCount) + speech, vec4f());
            let b_in = max(featureAt(k, b, movingCount) + speech, vec4f());
            let c_in = max(featureAt(k, c, movingCount) + speech, vec4f());
            let d_in = max(featureAt(k, d, movingCount) + speech, vec4f());
            let e_in = max(featureAt(k, e, movingCount) + speech, vec4f());
            let f_in = max(featureAt(k, f, movingCount) + speech, vec4f());
            let w0 = weights.mlp1[row * 16u + k];
            a0 += w0 * a_in; b0 += w0 * b_in; c0 += w0 * c_in; d0 += w0 * d_in; e0 += w0 * e_in; f0 += w0 * f_in;
            let w1 = weights.mlp1[row * 16u + 16u + k];
            a1 += w1 * a_in; b1 += w1 * b_in; c1 += w1 * c_in; d1 += w1 * d_in; e1 += w1 * e_in; f1 += w1 * f_in;
        }
        a0 = max(a0, vec4f()); a1 = max(a1, vec4f());
        b0 = max(b0, vec4f()); b1 = max(b1, vec4f());
        c0 = max(c0, vec4f()); c1 = max(c1, vec4f());
        d0 = max(d0, vec4f()); d1 = max(d1, vec4f());
        e0 = max(e0, vec4f()); e1 = max(e1, vec4f());
        f0 = max(f0, vec4f()); f1 = max(f1, vec4f());
        let v0 = weights.mlp2[row * 3u + 0u];
        a_out0 += v0 * a0; b_out0 += v0 * b0; c_out0 += v0 * c0; d_out0 += v0 * d0; e_out0 += v0 * e0; f_out0 += v0 * f0;
        let v1 = weights.mlp2[row * 3u + 1u];
        a_out1 += v1 * a0; b_out1 += v1 * b0; c_out1 += v1 * c0; d_out1 += v1 * d0; e_out1 += v1 * e0; f_out1 += v1 * f0;
        let v2 = weights.mlp2[row * 3u + 2u];
        a_out2 += v2 * a0; b_out2 += v2 * b0; c_out2 += v2 * c0; d_out2 += v2 * d0; e_out2 += v2 * e0; f_out2 += v2 * f0;
        let v3 = weights.mlp2[row * 3u + 3u];
        a_out0 += v3 * a1; b_out0 += v3 * b1; c_out0 += v3 * c1; d_out0 += v3 * d1; e_out0 += v3 * e1; f_out0 += v3 * f1;
        let v4 = weights.mlp2[row * 3u + 4u];
        a_out1 += v4 * a1; b_out1 += v4 * b1; c_out1 += v4 * c1; d_out1 += v4 * d1; e_out1 += v4 * e1; f_out1 += v4 * f1;
        let v5 = weights.mlp2[row * 3u + 5u];
        a_out2 += v5 * a1; b_out2 += v5 * b1; c_out2 += v5 * c1; d_out2 += v5 * d1; e_out2 += v5 * e1; f_out2 += v5 * f1;
    }
    applyFaceDeltas(frame.firstSplat + a, a_out0, a_out1, a_out2);
    applyFaceDeltas(frame.firstSplat + b, b_out0, b_out1, b_out2);
    applyFaceDeltas(frame.firstSplat + c, c_out0, c_out1, c_out2);
    applyFaceDeltas(frame.firstSplat + d, d_out0, d_out1, d_out2);
    applyFaceDeltas(frame.firstSplat + e, e_out0, e_out1, e_out2);
    applyFaceDeltas(frame.firstSplat + f, f_out0, f_out1, f_out2);
}
