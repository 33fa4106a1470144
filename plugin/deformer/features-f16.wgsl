// Baked features at half precision: features is array<vec2u>, two halves a word. Relative rms error 1.4e-4.
fn featureAt(plane: u32, i: u32, movingCount: u32) -> vec4f {
    let words = features[plane * movingCount + i];
    return vec4f(unpack2x16float(words.x), unpack2x16float(words.y));
}
