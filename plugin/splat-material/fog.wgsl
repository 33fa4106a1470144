// The scene's fog, for both rasterizers; Babylon sets FOG and binds the two uniforms.
#ifdef FOG
uniform vFogInfos : vec4f;
uniform vFogColor : vec3f;

// Share of a splat's own colour at a distance. vFogInfos: mode (1 exp, 2 exp squared, 3 linear), start, end, density.
fn fogFactor(distance: f32) -> f32 {
    let fog = uniforms.vFogInfos;
    let x = distance * fog.w;
    if (fog.x == 3.0) { return clamp((fog.z - distance) / (fog.z - fog.y), 0.0, 1.0); }
    return clamp(exp(-select(x, x * x, fog.x == 2.0)), 0.0, 1.0);
}
#endif
