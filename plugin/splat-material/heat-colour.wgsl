// Colour of a splat in the heat map: heatColour of heat-colour.ts, which fills in a step for each of its stops. Logarithmic
// between 1 and 1000 pixels, a step of its own for none. Display values, as the colours of splats are.
fn heatColour(pixelCount: u32) -> vec3f {
    var at = 0.0;
    // log2(10): WGSL has no log10.
    if (pixelCount > 0u) { at = 1.0 + log2(f32(pixelCount)) / 3.321928094887362; }
    var colour = vec3f();
    // <heat stops>
    return colour;
}
