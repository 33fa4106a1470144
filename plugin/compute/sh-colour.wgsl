// Colour of a splat from its spherical harmonics, for the quads' vertex shader and the tile kernels alike.
// Needs splatColours (three halves a coefficient, packed without gaps), SPLAT_COLOUR_WORDS and SPLAT_SH_DEGREE.

// Coefficient `k` of a splat whose words begin at `base`.
fn shCoefficient(base: u32, k: u32) -> vec3f {
    let half = k * 3u;
    let low = unpack2x16float(splatColours[base + half / 2u]);
    let high = unpack2x16float(splatColours[base + half / 2u + 1u]);
    return select(vec3f(low, high.x), vec3f(low.y, high), (half & 1u) == 1u);
}

// Colour seen along `direction` (camera to mean, head space): SH + 0.5, not below 0.
fn shColour(i: u32, direction: vec3f) -> vec3f {
    let base = i * SPLAT_COLOUR_WORDS;
    var colour = SH_C0 * shCoefficient(base, 0u) + 0.5;
    let d = direction;
    let dd = d * d;
    // The degree is a constant: the branches not taken are not compiled.
    if (SPLAT_SH_DEGREE > 0) {
        colour += SH_C1
            * (-d.y * shCoefficient(base, 1u) + d.z * shCoefficient(base, 2u) - d.x * shCoefficient(base, 3u));
    }
    if (SPLAT_SH_DEGREE > 1) {
        colour += SH_C2_0 * d.x * d.y * shCoefficient(base, 4u)
            - SH_C2_0 * d.y * d.z * shCoefficient(base, 5u)
            + SH_C2_1 * (2.0 * dd.z - dd.x - dd.y) * shCoefficient(base, 6u)
            - SH_C2_0 * d.x * d.z * shCoefficient(base, 7u)
            + SH_C2_2 * (dd.x - dd.y) * shCoefficient(base, 8u);
    }
    if (SPLAT_SH_DEGREE > 2) {
        colour += -SH_C3_0 * d.y * (3.0 * dd.x - dd.y) * shCoefficient(base, 9u)
            + SH_C3_1 * d.x * d.y * d.z * shCoefficient(base, 10u)
            - SH_C3_2 * d.y * (4.0 * dd.z - dd.x - dd.y) * shCoefficient(base, 11u)
            + SH_C3_3 * d.z * (2.0 * dd.z - 3.0 * dd.x - 3.0 * dd.y) * shCoefficient(base, 12u)
            - SH_C3_2 * d.x * (4.0 * dd.z - dd.x - dd.y) * shCoefficient(base, 13u)
            + SH_C3_4 * d.z * (dd.x - dd.y) * shCoefficient(base, 14u)
            - SH_C3_0 * d.x * (dd.x - 3.0 * dd.y) * shCoefficient(base, 15u);
    }
    return max(colour, vec3f());
}
