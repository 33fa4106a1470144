// Eqs. 8-9 of the face as they are printed, for comparison: one thread per moving splat does everything, the parts that all
// splats share included. Plain loops over private arrays. Reads canonicalSplats, spatialFeats, inputs (f_a, then f_e),
// weights, range (first splat, moving splats); writes posedSplats. No barriers.

const FUSED_DIM: u32 = AUDIO_FEAT_DIM + PROJ_DIM + PROJ_EXPR_DIM + SPATIAL_FEAT_DIM;

@compute @workgroup_size(64)
fn straightFace(@builtin(global_invocation_id) thread: vec3u) {
    let i = thread.x;
    if (i >= range[1]) { return; }

    var audio: array<f32, PROJ_DIM>;
    for (var o = 0u; o < PROJ_DIM; o++) {
        var sum = weights[PROJ_AUDIO_BIAS + o];
        for (var k = 0u; k < AUDIO_FEAT_DIM; k++) { sum += weights[PROJ_AUDIO_WEIGHT + o * AUDIO_FEAT_DIM + k] * inputs[k]; }
        audio[o] = sum;
    }
    var expression: array<f32, PROJ_EXPR_DIM>;
    for (var o = 0u; o < PROJ_EXPR_DIM; o++) {
        var sum = weights[PROJ_EXPR_BIAS + o];
        for (var k = 0u; k < EXPR_DIM; k++) { sum += weights[PROJ_EXPR_WEIGHT + o * EXPR_DIM + k] * inputs[AUDIO_FEAT_DIM + k]; }
        expression[o] = sum;
    }
    var gate: array<f32, PROJ_DIM>;
    for (var o = 0u; o < PROJ_DIM; o++) {
        var sum = weights[GATE_BIAS + o];
        let row = GATE_WEIGHT + o * (PROJ_DIM + PROJ_EXPR_DIM);
        for (var k = 0u; k < PROJ_DIM; k++) { sum += weights[row + k] * audio[k]; }
        for (var k = 0u; k < PROJ_EXPR_DIM; k++) { sum += weights[row + PROJ_DIM + k] * expression[k]; }
        gate[o] = 1.0 / (1.0 + exp(-sum));
    }
    var fused: array<f32, FUSED_DIM>;
    for (var k = 0u; k < AUDIO_FEAT_DIM; k++) { fused[k] = inputs[k]; }
    for (var k = 0u; k < PROJ_DIM; k++) { fused[AUDIO_FEAT_DIM + k] = gate[k] * audio[k]; }
    for (var k = 0u; k < PROJ_EXPR_DIM; k++) { fused[AUDIO_FEAT_DIM + PROJ_DIM + k] = expression[k]; }
    for (var k = 0u; k < SPATIAL_FEAT_DIM; k++) {
        fused[AUDIO_FEAT_DIM + PROJ_DIM + PROJ_EXPR_DIM + k] = spatialFeats[i * SPATIAL_FEAT_DIM + k];
    }
    var hidden0: array<f32, FACE_HIDDEN_DIM>;
    for (var o = 0u; o < FACE_HIDDEN_DIM; o++) {
        var sum = weights[MLP0_BIAS + o];
        for (var k = 0u; k < FUSED_DIM; k++) { sum += weights[MLP0_WEIGHT + o * FUSED_DIM + k] * fused[k]; }
        hidden0[o] = max(sum, 0.0);
    }
    var hidden1: array<f32, FACE_HIDDEN_DIM>;
    for (var o = 0u; o < FACE_HIDDEN_DIM; o++) {
        var sum = weights[MLP1_BIAS + o];
        for (var k = 0u; k < FACE_HIDDEN_DIM; k++) { sum += weights[MLP1_WEIGHT + o * FACE_HIDDEN_DIM + k] * hidden0[k]; }
        hidden1[o] = max(sum, 0.0);
    }
    var deltas: array<f32, FACE_DELTA_DIM>;
    for (var o = 0u; o < FACE_DELTA_DIM; o++) {
        var sum = weights[MLP2_BIAS + o];
        for (var k = 0u; k < FACE_HIDDEN_DIM; k++) { sum += weights[MLP2_WEIGHT + o * FACE_HIDDEN_DIM + k] * hidden1[k]; }
        deltas[o] = sum;
    }

    let splat = range[0] + i;
    let rest = canonicalSplats[splat];
    posedSplats[splat].mean = rest.mean + MEAN_DELTA_SCALE * vec3f(deltas[0], deltas[1], deltas[2]);
    posedSplats[splat].scales = exp(rest.logScales + vec3f(deltas[3], deltas[4], deltas[5]));
    posedSplats[splat].quat = normalize(rest.quat + vec4f(deltas[6], deltas[7], deltas[8], deltas[9]));
}
