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

/** Draws the sound as bars, the part already heard in the accent colour. */
export function drawWave(canvas: HTMLCanvasElement, peaks: Float32Array | null, fraction: number): void {
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
        const peak = peaks === null ? 0 : (peaks[Math.floor((bar * peaks.length) / bars)] ?? 0);
        const tall = Math.max(2 * ratio, peak ** 0.8 * (height - 2 * ratio));
        context.fillStyle = (bar + 0.5) / bars <= fraction ? '#eeb06a' : 'rgb(255 240 220 / 26%)';
        context.beginPath();
        context.roundRect(bar * pitch + ratio, (height - tall) / 2, 2 * ratio, tall, ratio);
        context.fill();
    }
}
