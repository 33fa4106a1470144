import { byId, formatTime } from './dom.js';
import { drawWave, soundPeaks } from './wave.js';

/** What the bar shows, read once a frame. */
export interface TransportState {
    readonly isPlaying: boolean;
    readonly time: number;
    readonly duration: number;
}

/** Play and stop, the sound as a wave, its clock. */
export class Transport {
    private readonly playButton = byId('play', HTMLButtonElement);
    private readonly wave = byId('wave', HTMLCanvasElement);
    private readonly time = byId('time', HTMLSpanElement);
    private readonly duration = byId('duration', HTMLSpanElement);
    private peaks: Float32Array | null = null;
    private drawn = '';

    public constructor(onToggle: () => void) {
        this.playButton.addEventListener('click', onToggle);
        document.addEventListener('keydown', (event) => {
            const isTyping = event.target instanceof HTMLButtonElement || event.target instanceof HTMLInputElement;
            if (event.key !== ' ' || isTyping || this.playButton.disabled) return;
            event.preventDefault();
            onToggle();
        });
    }

    public set isEnabled(isEnabled: boolean) {
        this.playButton.disabled = !isEnabled;
    }

    /** Shows another sound, or none. */
    public setClip(name: string, buffer: AudioBuffer | null): void {
        byId('clip-name', HTMLSpanElement).textContent = name;
        this.peaks = buffer === null ? null : soundPeaks(buffer, 240);
        this.wave.setAttribute('aria-valuemax', (buffer?.duration ?? 0).toFixed(1));
        this.duration.textContent = formatTime(buffer?.duration ?? 0);
        this.drawn = '';
    }

    /** Redraws what changed. */
    public update(state: TransportState): void {
        const label = state.isPlaying ? 'Stop' : 'Play';
        if (this.playButton.getAttribute('aria-label') !== label) {
            this.playButton.setAttribute('aria-label', label);
            this.playButton.dataset['playing'] = String(state.isPlaying);
        }
        const text = formatTime(state.time);
        const key = `${text} ${this.wave.clientWidth}`;
        if (key === this.drawn) return;
        this.drawn = key;
        this.time.textContent = text;
        this.wave.setAttribute('aria-valuenow', state.time.toFixed(1));
        this.wave.setAttribute('aria-valuetext', `${text} of ${formatTime(state.duration)}`);
        drawWave(this.wave, this.peaks, state.duration > 0 ? state.time / state.duration : 0);
    }
}
