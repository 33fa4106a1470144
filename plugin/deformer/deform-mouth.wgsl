// Deforms the inside of the mouth (Eqs. 6-7), refactored: gate and layer 0 were baked per splat (planes 0-7 and 8-15), the
// frame's part of the gate and the matrix that maps a gate to layer 0 arrive in frame.
// One thread per moving splat (a pair would keep 32 vec4f alive). Reads features, canonicalSplats, weights, frame; writes posedSplats.means.
// No barriers; hidden values stay in named registers, as in deform-face.wgsl.

fn sigmoid(x: vec4f) -> vec4f {
    return 1.0 / (1.0 + exp(-x));
}

// Row `row` of a 32x32 layer in 4x4 tiles.
fn mixRow(row: u32, h0: vec4f, h1: vec4f, h2: vec4f, h3: vec4f, h4: vec4f, h5: vec4f, h6: vec4f, h7: vec4f) -> vec4f {
    let t = row * 8u;
    return frame.mix[t + 0u] * h0 + frame.mix[t + 1u] * h1 + frame.mix[t + 2u] * h2 + frame.mix[t + 3u] * h3
        + frame.mix[t + 4u] * h4 + frame.mix[t + 5u] * h5 + frame.mix[t + 6u] * h6 + frame.mix[t + 7u] * h7;
}

fn layer1Row(row: u32, h0: vec4f, h1: vec4f, h2: vec4f, h3: vec4f, h4: vec4f, h5: vec4f, h6: vec4f, h7: vec4f) -> vec4f {
    let t = row * 8u;
    return weights.mlp1[t + 0u] * h0 + weights.mlp1[t + 1u] * h1 + weights.mlp1[t + 2u] * h2 + weights.mlp1[t + 3u] * h3
        + weights.mlp1[t + 4u] * h4 + weights.mlp1[t + 5u] * h5 + weights.mlp1[t + 6u] * h6 + weights.mlp1[t + 7u] * h7;
}

fn mouthDelta(i: u32, movingCount: u32) -> vec4f {
    let g0 = sigmoid(featureAt(0u, i, movingCount) + frame.gate[0]);
    let g1 = sigmoid(featureAt(1u, i, movingCount) + frame.gate[1]);
    let g2 = sigmoid(featureAt(2u, i, movingCount) + frame.gate[2]);
    let g3 = sigmoid(featureAt(3u, i, movingCount) + frame.gate[3]);
    let g4 = sigmoid(featureAt(4u, i, movingCount) + frame.gate[4]);
    let g5 = sigmoid(featureAt(5u, i, movingCount) + frame.gate[5]);
    let g6 = sigmoid(featureAt(6u, i, movingCount) + frame.gate[6]);
    let g7 = sigmoid(featureAt(7u, i, movingCount) + frame.gate[7]);
    let h0 = max(featureAt(8u, i, movingCount) + mixRow(0u, g0, g1, g2, g3, g4, g5, g6, g7), vec4f());
    let h1 = max(featureAt(9u, i, movingCount) + mixRow(1u, g0, g1, g2, g3, g4, g5, g6, g7), vec4f());
    let h2 = max(featureAt(10u, i, movingCount) + mixRow(2u, g0, g1, g2, g3, g4, g5, g6, g7), vec4f());
    let h3 = max(featureAt(11u, i, movingCount) + mixRow(3u, g0, g1, g2, g3, g4, g5, g6, g7), vec4f());
    let h4 = max(featureAt(12u, i, movingCount) + mixRow(4u, g0, g1, g2, g3, g4, g5, g6, g7), vec4f());
    let h5 = max(featureAt(13u, i, movingCount) + mixRow(5u, g0, g1, g2, g3, g4, g5, g6, g7), vec4f());
    let h6 = max(featureAt(14u, i, movingCount) + mixRow(6u, g0, g1, g2, g3, g4, g5, g6, g7), vec4f());
    let h7 = max(featureAt(15u, i, movingCount) + mixRow(7u, g0, g1, g2, g3, g4, g5, g6, g7), vec4f());
    var delta = weights.mlp2Bias;
    for (var row = 0u; row < 8u; row++) {
        let hidden = max(weights.mlp1Bias[row] + layer1Row(row, h0, h1, h2, h3, h4, h5, h6, h7), vec4f());
        delta += weights.mlp2[row] * hidden;
    }
    return delta;
}

@compute @workgroup_size(64)
fn deformMouth(@builtin(global_invocation_id) thread: vec3u) {
    let i = thread.x;
    if (i >= frame.movingCount) { return; }
    applyMouthDeltas(frame.firstSplat + i, mouthDelta(i, frame.movingCount));
}
