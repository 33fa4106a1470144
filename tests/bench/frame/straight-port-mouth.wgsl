// Eqs. 6-7 of the mouth as they are printed, for comparison; see straight-port-face.wgsl, whose bindings these are.

const FUSED_DIM: u32 = PROJ_DIM + PROJ_DIM;

@compute @workgroup_size(64)
fn straightMouth(@builtin(global_invocation_id) thread: vec3u) {
    let i = thread.x;
    if (i >= range[1]) { return; }

    var spatial: array<f32, PROJ_DIM>;
    for (var o = 0u; o < PROJ_DIM; o++) {
        var sum = weights[PROJ_SPATIAL_BIAS + o];
        for (var k = 0u; k < SPATIAL_FEAT_DIM; k++) {
            sum += weights[PROJ_SPATIAL_WEIGHT + o * SPATIAL_FEAT_DIM + k] * spatialFeats[i * SPATIAL_FEAT_DIM + k];
        }
        spatial[o] = sum;
    }
    var audio: array<f32, PROJ_DIM>;
    for (var o = 0u; o < PROJ_DIM; o++) {
        var sum = weights[PROJ_AUDIO_BIAS + o];
        for (var k = 0u; k < AUDIO_FEAT_DIM; k++) { sum += weights[PROJ_AUDIO_WEIGHT + o * AUDIO_FEAT_DIM + k] * inputs[k]; }
        audio[o] = sum;
    }
    var gate: array<f32, PROJ_DIM>;
    for (var o = 0u; o < PROJ_DIM; o++) {
        var sum = weights[GATE_BIAS + o];
        for (var k = 0u; k < PROJ_DIM; k++) { sum += weights[GATE_WEIGHT + o * FUSED_DIM + k] * spatial[k]; }
        for (var k = 0u; k < PROJ_DIM; k++) { sum += weights[GATE_WEIGHT + o * FUSED_DIM + PROJ_DIM + k] * audio[k]; }
        gate[o] = 1.0 / (1.0 + exp(-sum));
    }
    var fused: array<f32, FUSED_DIM>;
    for (var k = 0u; k < PROJ_DIM; k++) {
        fused[k] = spatial[k];
        fused[PROJ_DIM + k] = gate[k] * audio[k];
    }
    var hidden0: array<f32, MOUTH_HIDDEN_DIM>;
    for (var o = 0u; o < MOUTH_HIDDEN_DIM; o++) {
        var sum = weights[MLP0_BIAS + o];
        for (var k = 0u; k < FUSED_DIM; k++) { sum += weights[MLP0_WEIGHT + o * FUSED_DIM + k] * fused[k]; }
        hidden0[o] = max(sum, 0.0);
    }
    var hidden1: array<f32, MOUTH_HIDDEN_DIM>;
    for (var o = 0u; o < MOUTH_HIDDEN_DIM; o++) {
        var sum = weights[MLP1_BIAS + o];
        for (var k = 0u; k < MOUTH_HIDDEN_DIM; k++) { sum += weights[MLP1_WEIGHT + o * MOUTH_HIDDEN_DIM + k] * hidden0[k]; }
        hidden1[o] = max(sum, 0.0);
    }
    var deltas: array<f32, MOUTH_DELTA_DIM>;
    for (var o = 0u; o < MOUTH_DELTA_DIM; o++) {
        var sum = weights[MLP2_BIAS + o];
        for (var k = 0u; k < MOUTH_HIDDEN_DIM; k++) { sum += weights[MLP2_WEIGHT + o * MOUTH_HIDDEN_DIM + k] * hidden1[k]; }
        deltas[o] = sum;
    }

    let splat = range[0] + i;
    posedSplats[splat].mean = canonicalSplats[splat].mean + MEAN_DELTA_SCALE * vec3f(deltas[0], deltas[1], deltas[2]);
}
