// Blends a 16 x 16 tile front to back (method.md section 3). One workgroup of 64 threads per tile, 2 x 2 pixels a thread.
// A round takes the next 64 words of the tile's bin (2,048 splats): every thread keeps the splats of its word that reach the
// tile, the kept ones go to shared memory in order, and all threads walk them. A pixel ends at TRANSMITTANCE_MIN, a tile when
// all its pixels have. Splats behind the scene's opaque surface at a pixel do not count there.
// Reads screenSplats, binWords, sceneDepth; writes tileColours (premultiplied) and tileDepths (expected, median).
// Workgroup memory: 8.5 KiB. Barriers: 4 a round. Eq. 5's pixel counts where countPixels counts.

const ROUND_WORDS: u32 = 64u;

// Slot of a kept splat, and above it a bit for each quarter of the tile that it reaches.
const QUARTER_SHIFT: u32 = 28u;
const SLOT_MASK: u32 = 0x0fffffffu;

var<workgroup> kept: array<u32, 2048>;
var<workgroup> keptCounts: array<u32, 64>;
var<workgroup> openThreads: atomic<u32>;
var<workgroup> openCount: u32;

struct Pixel {
    colour: vec3f,
    left: f32,
    depth: f32,
    median: f32,
    limit: f32,
    centre: vec2f,
}

fn quarterMask(splat: ScreenSplat, tileLow: vec2f) -> u32 {
    var mask = 0u;
    for (var quarter = 0u; quarter < 4u; quarter++) {
        let low = tileLow + 8.0 * vec2f(f32(quarter & 1u), f32(quarter >> 1u));
        if (reachesRect(splat, low, low + 7.0)) { mask |= 1u << quarter; }
    }
    return mask;
}

// Eq. 10 and the sample rules for one pixel. Returns 1 when the pixel counts: Eq. 5, and a share of at least countMin.
fn blend(pixel: ptr<function, Pixel>, splat: ScreenSplat) -> u32 {
    if ((*pixel).left < TRANSMITTANCE_MIN || splat.depth > (*pixel).limit) { return 0u; }
    let d = (*pixel).centre - splat.mean2d;
    let power = 0.5 * (splat.conic.x * d.x * d.x + splat.conic.z * d.y * d.y) + splat.conic.y * d.x * d.y;
    let alpha = min(ALPHA_MAX, splat.opacity * exp(-power));
    if (power < 0.0 || alpha < ALPHA_MIN) { return 0u; }
    let left = (*pixel).left * (1.0 - alpha);
    if (left < TRANSMITTANCE_MIN) {
        // Full: the splat that would cross the bound does not count, nor does any behind it.
        (*pixel).limit = -1.0;
        return 0u;
    }
    let weight = alpha * (*pixel).left;
    (*pixel).colour += weight * splat.colour;
    (*pixel).depth += weight * splat.depth;
    if ((*pixel).left > 0.5 && left <= 0.5) { (*pixel).median = splat.depth; }
    (*pixel).left = left;
    return select(0u, 1u, weight >= tileView.countMin && isCounted(splat, d));
}

@compute @workgroup_size(64)
fn tileRaster(
    @builtin(workgroup_id) tile: vec3u,
    @builtin(local_invocation_index) thread: u32,
) {
    let block = vec2u(thread % 8u, thread / 8u);
    let quarterBit = 1u << (QUARTER_SHIFT + (block.x / 4u) + 2u * (block.y / 4u));
    let tileCorner = tile.xy * TILE_SIZE;
    let tileLow = vec2f(tileCorner) + 0.5;
    let tileHigh = tileLow + f32(TILE_SIZE - 1u);
    let binTiles = BIN_SIZE / TILE_SIZE;
    let bin = (tile.y / binTiles) * tileView.bins.x + tile.x / binTiles;
    let firstWord = bin * tileView.wordCount;

    var pixels: array<Pixel, 4>;
    for (var p = 0u; p < 4u; p++) {
        let at = tileCorner + 2u * block + vec2u(p & 1u, p >> 1u);
        // Outside the view nothing is ever nearer than the limit.
        let limit = select(-1.0, sceneLimit(at), all(vec2f(at) < tileView.size));
        pixels[p] = Pixel(vec3f(), 1.0, 0.0, 0.0, limit, vec2f(at) + 0.5);
    }

    for (var round = 0u; round < tileView.wordCount; round += ROUND_WORDS) {
        // Everyone is done with the last round's list.
        if (thread == 0u) { atomicStore(&openThreads, 0u); }
        workgroupBarrier();
        let word = round + thread;
        var bits = 0u;
        if (word < tileView.wordCount) { bits = binWords[firstWord + word]; }
        var candidates = bits;
        while (candidates != 0u) {
            let k = firstTrailingBit(candidates);
            candidates &= candidates - 1u;
            if (!reachesRect(screenSplats[word * 32u + k], tileLow, tileHigh)) { bits &= ~(1u << k); }
        }
        keptCounts[thread] = countOneBits(bits);
        var isOpen = false;
        for (var p = 0u; p < 4u; p++) { isOpen = isOpen || pixels[p].limit >= 0.0; }
        if (isOpen) { atomicAdd(&openThreads, 1u); }
        workgroupBarrier();
        if (thread == 0u) { openCount = atomicLoad(&openThreads); }
        var at = 0u;
        var total = 0u;
        for (var other = 0u; other < 64u; other++) {
            let count = keptCounts[other];
            at += select(0u, count, other < thread);
            total += count;
        }
        while (bits != 0u) {
            let slot = word * 32u + firstTrailingBit(bits);
            bits &= bits - 1u;
            kept[at] = slot | (quarterMask(screenSplats[slot], tileLow) << QUARTER_SHIFT);
            at++;
        }
        if (workgroupUniformLoad(&openCount) == 0u) { break; }
        for (var k = 0u; k < total; k++) {
            if ((kept[k] & quarterBit) == 0u) { continue; }
            let splat = screenSplats[kept[k] & SLOT_MASK];
            var reached = 0u;
            for (var p = 0u; p < 4u; p++) {
                var pixel = pixels[p];
                reached += blend(&pixel, splat);
                pixels[p] = pixel;
            }
            countPixels(splat.id, reached);
        }
        workgroupBarrier();
    }

    for (var p = 0u; p < 4u; p++) {
        let at = tileCorner + 2u * block + vec2u(p & 1u, p >> 1u);
        if (all(vec2f(at) < tileView.size)) {
            let index = at.y * tileView.stride + at.x;
            tileColours[index] = vec4f(pixels[p].colour, 1.0 - pixels[p].left);
            tileDepths[index] = vec2f(pixels[p].depth, pixels[p].median);
        }
    }
}
