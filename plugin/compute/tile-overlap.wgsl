// Whether a splat reaches any pixel centre of a rectangle: the least value of its quadratic form there against `reach`,
// twice the logarithm of opacity over ALPHA_MIN, beyond which alpha is below ALPHA_MIN. Exact but for SLACK, which errs
// towards yes: a doubtful splat costs a sample, a lost one is a hole.

const SLACK: f32 = 1.001;

// low, high: first and last pixel centre. The form is convex, so outside the centre its least value lies on the side
// nearest in x or on the side nearest in y.
fn reachesRect(splat: ScreenSplat, low: vec2f, high: vec2f) -> bool {
    let a = splat.conic.x;
    let b = splat.conic.y;
    let c = splat.conic.z;
    let fromLow = low - splat.mean2d;
    let toHigh = high - splat.mean2d;
    let nearest = clamp(vec2f(), fromLow, toHigh);
    let y = clamp(-b * nearest.x / c, fromLow.y, toHigh.y);
    let x = clamp(-b * nearest.y / a, fromLow.x, toHigh.x);
    let onX = a * nearest.x * nearest.x + 2.0 * b * nearest.x * y + c * y * y;
    let onY = a * x * x + 2.0 * b * x * nearest.y + c * nearest.y * nearest.y;
    return min(onX, onY) <= splat.reach * SLACK;
}
