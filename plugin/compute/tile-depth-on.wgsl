// View depth of the opaque scene at a pixel; 0 in the map is "nothing there". The map covers the viewport at any resolution.
fn sceneLimit(pixel: vec2u) -> f32 {
    let mapSize = vec2f(textureDimensions(sceneDepth));
    let at = (vec2f(pixel) + 0.5) / tileView.size * mapSize;
    let depth = abs(textureLoad(sceneDepth, vec2u(clamp(at, vec2f(), mapSize - 1.0)), 0).r);
    return select(depth, 3.0e38, depth == 0.0);
}
