// Deforms the face (Eqs. 8-9), refactored: per splat, layer 0 was baked and its shared part arrives in frame.speech.
// One thread per two moving splats, so that each weight load feeds two products. Reads features, canonicalSplats,
// weights, frame; writes posedSplats. No barriers. Hidden values stay in 16 named vec4f a splat: indexed private
// arrays are 2.4 times slower (measured), and layer 2 is summed while layer 1 is produced.

@compute @workgroup_size(64)
fn deformFace(@builtin(global_invocation_id) thread: vec3u) {
    let movingCount = frame.movingCount;
    let i = thread.x * 2u;
    if (i >= movingCount) { return; }
    let j = pairOf(i, movingCount);
    let a0 = max(featureAt(0u, i, movingCount) + frame.speech[0], vec4f());
    let a1 = max(featureAt(1u, i, movingCount) + frame.speech[1], vec4f());
    let a2 = max(featureAt(2u, i, movingCount) + frame.speech[2], vec4f());
    let a3 = max(featureAt(3u, i, movingCount) + frame.speech[3], vec4f());
    let a4 = max(featureAt(4u, i, movingCount) + frame.speech[4], vec4f());
    let a5 = max(featureAt(5u, i, movingCount) + frame.speech[5], vec4f());
    let a6 = max(featureAt(6u, i, movingCount) + frame.speech[6], vec4f());
    let a7 = max(featureAt(7u, i, movingCount) + frame.speech[7], vec4f());
    let a8 = max(featureAt(8u, i, movingCount) + frame.speech[8], vec4f());
    let a9 = max(featureAt(9u, i, movingCount) + frame.speech[9], vec4f());
    let a10 = max(featureAt(10u, i, movingCount) + frame.speech[10], vec4f());
    let a11 = max(featureAt(11u, i, movingCount) + frame.speech[11], vec4f());
    let a12 = max(featureAt(12u, i, movingCount) + frame.speech[12], vec4f());
    let a13 = max(featureAt(13u, i, movingCount) + frame.speech[13], vec4f());
    let a14 = max(featureAt(14u, i, movingCount) + frame.speech[14], vec4f());
    let a15 = max(featureAt(15u, i, movingCount) + frame.speech[15], vec4f());
    let b0 = max(featureAt(0u, j, movingCount) + frame.speech[0], vec4f());
    let b1 = max(featureAt(1u, j, movingCount) + frame.speech[1], vec4f());
    let b2 = max(featureAt(2u, j, movingCount) + frame.speech[2], vec4f());
    let b3 = max(featureAt(3u, j, movingCount) + frame.speech[3], vec4f());
    let b4 = max(featureAt(4u, j, movingCount) + frame.speech[4], vec4f());
    let b5 = max(featureAt(5u, j, movingCount) + frame.speech[5], vec4f());
    let b6 = max(featureAt(6u, j, movingCount) + frame.speech[6], vec4f());
    let b7 = max(featureAt(7u, j, movingCount) + frame.speech[7], vec4f());
    let b8 = max(featureAt(8u, j, movingCount) + frame.speech[8], vec4f());
    let b9 = max(featureAt(9u, j, movingCount) + frame.speech[9], vec4f());
    let b10 = max(featureAt(10u, j, movingCount) + frame.speech[10], vec4f());
    let b11 = max(featureAt(11u, j, movingCount) + frame.speech[11], vec4f());
    let b12 = max(featureAt(12u, j, movingCount) + frame.speech[12], vec4f());
    let b13 = max(featureAt(13u, j, movingCount) + frame.speech[13], vec4f());
    let b14 = max(featureAt(14u, j, movingCount) + frame.speech[14], vec4f());
    let b15 = max(featureAt(15u, j, movingCount) + frame.speech[15], vec4f());
    var a_out0 = weights.mlp2Bias[0];
    var a_out1 = weights.mlp2Bias[1];
    var a_out2 = weights.mlp2Bias[2];
    var b_out0 = a_out0;
    var b_out1 = a_out1;
    var b_out2 = a_out2;
    for (var row = 0u; row < 16u; row++) {
        var a = weights.mlp1Bias[row];
        var b = a;
        var w = mat4x4f();
        w = weights.mlp1[row * 16u + 0u]; a += w * a0; b += w * b0;
        w = weights.mlp1[row * 16u + 1u]; a += w * a1; b += w * b1;
        w = weights.mlp1[row * 16u + 2u]; a += w * a2; b += w * b2;
        w = weights.mlp1[row * 16u + 3u]; a += w * a3; b += w * b3;
        w = weights.mlp1[row * 16u + 4u]; a += w * a4; b += w * b4;
        w = weights.mlp1[row * 16u + 5u]; a += w * a5; b += w * b5;
        w = weights.mlp1[row * 16u + 6u]; a += w * a6; b += w * b6;
        w = weights.mlp1[row * 16u + 7u]; a += w * a7; b += w * b7;
        w = weights.mlp1[row * 16u + 8u]; a += w * a8; b += w * b8;
        w = weights.mlp1[row * 16u + 9u]; a += w * a9; b += w * b9;
        w = weights.mlp1[row * 16u + 10u]; a += w * a10; b += w * b10;
        w = weights.mlp1[row * 16u + 11u]; a += w * a11; b += w * b11;
        w = weights.mlp1[row * 16u + 12u]; a += w * a12; b += w * b12;
        w = weights.mlp1[row * 16u + 13u]; a += w * a13; b += w * b13;
        w = weights.mlp1[row * 16u + 14u]; a += w * a14; b += w * b14;
        w = weights.mlp1[row * 16u + 15u]; a += w * a15; b += w * b15;
        a = max(a, vec4f());
        b = max(b, vec4f());
        w = weights.mlp2[row * 3u + 0u]; a_out0 += w * a; b_out0 += w * b;
        w = weights.mlp2[row * 3u + 1u]; a_out1 += w * a; b_out1 += w * b;
        w = weights.mlp2[row * 3u + 2u]; a_out2 += w * a; b_out2 += w * b;
    }
    applyFaceDeltas(frame.firstSplat + i, a_out0, a_out1, a_out2);
    applyFaceDeltas(frame.firstSplat + j, b_out0, b_out1, b_out2);
}
