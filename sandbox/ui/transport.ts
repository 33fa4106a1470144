import { byId, formatTime } from './dom.js';
import { drawWave, LevelHistory, soundPeaks } from './wave.js';

/** What the bar shows, read once a frame. */
export interface TransportState {
    readonly time: number;
    /** s; infinite while it is not known. */
    readonly duration: number;
    /** Loudness of what is heard, 0..1. */
    readonly energy: number;
}

/** What the bar offers; told when it changes. */
export interface TransportOffer {
    readonly title: string;
    readonly action: 'play' | 'pause' | 'resume';
    readonly canPlay: boolean;
    readonly canStop: boolean;
    readonly canSeek: boolean;
    /** Whether its wave is only known as far as it was heard. */
    readonly isLive: boolean;
}

export interface TransportHandlers {
    readonly onToggle: () => void;
    readonly onStop: () => void;
    readonly onSeek: (time: number) => void;
    readonly onLoop: (isLooping: boolean) => void;
}

const LABELS = { play: 'Play', pause: 'Pause', resume: 'Go on' } as const;
/** Bars of a wave, enough for the widest bar. */
const BINS = 240;

/** Play, pause and stop; the sound as a wave to seek in; its clock. */
export class Transport {
    private readonly playButton = byId('play', HTMLButtonElement);
    private readonly stopButton = byId('stop', HTMLButtonElement);
    private readonly title = byId('clip-name', HTMLSpanElement);
    private readonly wave = byId('wave', HTMLCanvasElement);
    private readonly position = byId('position', HTMLInputElement);
    private readonly time = byId('time', HTMLSpanElement);
    private readonly duration = byId('duration', HTMLSpanElement);
    private readonly history = new LevelHistory(BINS);
    private peaks: Float32Array | null = null;
    private isLive = false;
    /** While the slider is dragged it leads, and the clock follows. */
    private isDragging = false;
    private drawnTenth = -1;
    private drawnWidth = -1;
    private drawnDuration = -1;

    public constructor({ onToggle, onStop, onSeek, onLoop }: TransportHandlers) {
        const loop = byId('loop', HTMLButtonElement);
        this.playButton.addEventListener('click', onToggle);
        this.stopButton.addEventListener('click', onStop);
        loop.addEventListener('click', () => {
            const isLooping = loop.getAttribute('aria-pressed') !== 'true';
            loop.setAttribute('aria-pressed', String(isLooping));
            onLoop(isLooping);
        });
        this.position.addEventListener('input', () => {
            this.isDragging = true;
            onSeek(this.position.valueAsNumber);
        });
        this.position.addEventListener('change', () => (this.isDragging = false));
        document.addEventListener('keydown', (event) => {
            const isOnSlider = event.target === this.position;
            const isTyping = event.target instanceof HTMLButtonElement || event.target instanceof HTMLInputElement;
            if (event.key !== ' ' || (isTyping && !isOnSlider) || this.playButton.disabled) return;
            event.preventDefault();
            onToggle();
        });
    }

    /** Takes the wave of another clip. */
    public setClip(buffer: AudioBuffer | null): void {
        this.peaks = buffer === null ? null : soundPeaks(buffer, BINS);
        this.redraw();
    }

    /** Shows what can be done now. */
    public show({ title, action, canPlay, canStop, canSeek, isLive }: TransportOffer): void {
        this.title.textContent = this.title.title = title;
        this.playButton.disabled = !canPlay;
        this.playButton.setAttribute('aria-label', LABELS[action]);
        this.playButton.dataset['action'] = action;
        this.stopButton.disabled = !canStop;
        this.position.disabled = !canSeek;
        if (isLive !== this.isLive) this.history.clear();
        this.isLive = isLive;
        this.redraw();
    }

    /** Redraws what changed, ten times a second at most. */
    public update({ time, duration, energy }: TransportState): void {
        if (this.isLive) this.history.hear(energy);
        const tenth = Math.floor(time * 10);
        const width = this.wave.clientWidth;
        if (tenth === this.drawnTenth && width === this.drawnWidth && duration === this.drawnDuration) return;
        if (this.isLive) this.history.step(Math.min(BINS, tenth - this.drawnTenth));
        this.drawnTenth = tenth;
        this.drawnWidth = width;
        this.drawnDuration = duration;
        const isFinite = Number.isFinite(duration);
        this.time.textContent = formatTime(time);
        this.duration.textContent = isFinite ? formatTime(duration) : '…';
        this.position.max = isFinite ? duration.toFixed(1) : '0';
        if (!this.isDragging) this.position.value = time.toFixed(1);
        this.position.setAttribute('aria-valuetext', `${formatTime(time)} of ${this.duration.textContent}`);
        const fraction = duration > 0 ? Math.min(1, time / duration) : 0;
        drawWave(this.wave, this.isLive ? this.history.peaks : this.peaks, this.isLive ? null : fraction);
    }

    private redraw(): void {
        this.drawnDuration = -1;
    }
}
