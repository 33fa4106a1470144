// m of Eq. 5: the pixels within radius R of a splat's centre that it contributes to.

// R = ceil(RADIUS_SIGMAS standard deviations of the widest axis). The conic's smaller eigenvalue is the inverse of the largest
// variance; its product with the other one is the determinant, which loses fewer digits than the difference.
fn isCounted(splat: ScreenSplat, d: vec2f) -> bool {
    let conic = splat.conic;
    let half = 0.5 * (conic.x - conic.z);
    let larger = 0.5 * (conic.x + conic.z) + sqrt(half * half + conic.y * conic.y);
    let variance = larger / (conic.x * conic.z - conic.y * conic.y);
    let radius = ceil(RADIUS_SIGMAS * sqrt(variance));
    return dot(d, d) < radius * radius;
}

// Integers, so the order of the tiles does not matter.
fn countPixels(id: u32, reached: u32) {
    if (reached > 0u) { atomicAdd(&pixelCounts[id], reached); }
}
