import type { VoiceLatency } from '../../plugin/index.js';
import { byId } from './dom.js';

export interface ListeningHandlers {
    readonly onToggle: () => void;
    readonly onLatency: (latency: VoiceLatency) => void;
    readonly onHear: (isHeard: boolean) => void;
}

/** What the microphone is doing. */
export type ListeningState = 'off' | 'asking' | 'live' | 'paused';

const STATUS: Readonly<Record<ListeningState, string>> = {
    off: '',
    asking: 'Waiting for the microphone',
    live: 'Listening to you',
    paused: 'Paused',
};

/** The microphone's button, and the choices there are while it is on. */
export class Listening {
    private readonly button = byId('microphone', HTMLButtonElement);
    private readonly live = byId('live', HTMLDivElement);
    private readonly status = byId('live-status', HTMLSpanElement);

    public constructor({ onToggle, onLatency, onHear }: ListeningHandlers) {
        const hear = byId('hear', HTMLInputElement);
        const balanced = byId('latency-balanced', HTMLInputElement);
        const low = byId('latency-low', HTMLInputElement);
        // Browsers keep what was chosen before a reload; the voice starts anew.
        hear.checked = low.checked = false;
        balanced.checked = true;
        this.button.addEventListener('click', onToggle);
        balanced.addEventListener('change', () => onLatency('balanced'));
        low.addEventListener('change', () => onLatency('low'));
        hear.addEventListener('change', () => onHear(hear.checked));
        this.show('off', true);
    }

    public show(state: ListeningState, isEnabled: boolean): void {
        this.button.disabled = !isEnabled;
        this.button.setAttribute('aria-pressed', String(state !== 'off'));
        this.live.hidden = state === 'off';
        this.live.dataset['state'] = state;
        this.status.textContent = STATUS[state];
    }
}
