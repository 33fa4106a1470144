import source from './heat-colour.wgsl?raw';

/** Display colours `[5, 3]` 0..1 of 0, 1, 10, 100 and 1000 pixels: none dark blue, then blue, green, yellow, red. */
const STOPS: readonly (readonly [number, number, number])[] = [
    [0.07, 0.08, 0.36],
    [0.1, 0.45, 0.95],
    [0.15, 0.75, 0.3],
    [1, 0.85, 0.1],
    [0.9, 0.1, 0.08],
];

/** WGSL of {@link heatColour}, with the same stops. */
export function heatColourSource(): string {
    const mixes = STOPS.map(
        (rgb, stop) => `colour = mix(colour, vec3f(${rgb.join()}), saturate(at - f32(${stop - 1})));`,
    );
    return source.replace('// <heat stops>', mixes.join('\n'));
}

/**
 * The colour of a splat in the heat map: logarithmic between 1 and 1000 pixels, its own step for none.
 *
 * @param pixelCount - pixels that the splat reaches (Eq. 5), 0 or more; the same colour from 1000 on.
 * @returns red, green and blue as a display shows them, 0..1.
 */
export function heatColour(pixelCount: number): [red: number, green: number, blue: number] {
    const at = pixelCount < 1 ? 0 : 1 + Math.log10(pixelCount);
    const colour: [number, number, number] = [0, 0, 0];
    STOPS.forEach((rgb, stop) => {
        const share = Math.min(Math.max(at - (stop - 1), 0), 1);
        rgb.forEach((value, k) => (colour[k] = (colour[k] as number) * (1 - share) + value * share));
    });
    return colour;
}
