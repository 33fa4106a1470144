// Baked features at full precision: features is array<vec4f>.
fn featureAt(plane: u32, i: u32, movingCount: u32) -> vec4f {
    return features[plane * movingCount + i];
}
