// m of Eq. 5: pixels that a splat contributes to. Integers, so the order of the tiles does not matter.
fn countPixels(id: u32, reached: u32) {
    if (reached > 0u) { atomicAdd(&pixelCounts[id], reached); }
}
