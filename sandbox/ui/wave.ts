/** Loudest sample of each of `bins` equal stretches of a sound, 0..1, scaled so that the loudest is 1. */
export function soundPeaks(buffer: AudioBuffer, bins: number): Float32Array {
    const peaks = new Float32Array(bins);
    const samples = buffer.getChannelData(0);
    let loudest = 1e-6;
    for (let bin = 0; bin < bins; bin++) {
        const from = Math.floor((bin * samples.length) / bins);
        const to = Math.floor(((bin + 1) * samples.length) / bins);
        // Enough samples for a picture; long files stay quick.
        const step = Math.max(1, Math.floor((to - from) / 200));
        let peak = 0;
        for (let i = from; i < to; i += step) peak = Math.max(peak, Math.abs(samples[i] ?? 0));
        peaks[bin] = peak;
        loudest = Math.max(loudest, peak);
    }
    for (let bin = 0; bin < bins; bin++) peaks[bin] = (peaks[bin] ?? 0) / loudest;
    return peaks;
}

/**
 * Draws the sound as bars, the part already heard in the accent colour, and a line at what is heard now.
 *
 * @param fraction - of the sound, 0..1; null for sound that has no length: then the last peak is drawn last.
 */
export function drawWave(canvas: HTMLCanvasElement, peaks: Float32Array | null, fraction: number | null): void {
    const context = canvas.getContext('2d');
    if (context === null) return;
    const ratio = Math.min(2, devicePixelRatio);
    const width = Math.round(canvas.clientWidth * ratio);
    const height = Math.round(canvas.clientHeight * ratio);
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    context.clearRect(0, 0, width, height);
    const pitch = 4 * ratio;
    const bars = Math.floor(width / pitch);
    for (let bar = 0; bar < bars; bar++) {
        const at = fraction === null ? (peaks?.length ?? 0) - bars + bar : ((peaks?.length ?? 0) * bar) / bars;
        const peak = peaks?.[Math.floor(at)] ?? 0;
        const tall = Math.max(2 * ratio, peak ** 0.8 * (height - 2 * ratio));
        const isHeard = fraction === null ? peak > 0 : (bar + 0.5) / bars <= fraction;
        context.fillStyle = isHeard ? '#eeb06a' : 'rgb(255 240 220 / 26%)';
        context.beginPath();
        context.roundRect(bar * pitch + ratio, (height - tall) / 2, 2 * ratio, tall, ratio);
        context.fill();
    }
    if (fraction === null || peaks === null) return;
    context.fillStyle = '#f4ece0';
    context.beginPath();
    context.roundRect(fraction * (width - 2 * ratio), 0, 2 * ratio, height, ratio);
    context.fill();
}

/** Loudness of the last few seconds of what cannot be known before it is heard, newest last. */
export class LevelHistory {
    /** 0..1. */
    public readonly peaks: Float32Array;
    private loudest = 0;

    public constructor(bins: number) {
        this.peaks = new Float32Array(bins);
    }

    public clear(): void {
        this.peaks.fill(0);
        this.loudest = 0;
    }

    /** The level of this picture; the loudest of several becomes one bar. Allocates nothing. */
    public hear(level: number): void {
        this.loudest = Math.max(this.loudest, level);
    }

    /** Moves everything on by some bars, none where that is less than one; a slow page makes several of one level. */
    public step(bars: number): void {
        if (!(bars >= 1)) return;
        this.peaks.copyWithin(0, bars);
        this.peaks.fill(this.loudest, -bars);
        this.loudest = 0;
    }
}
