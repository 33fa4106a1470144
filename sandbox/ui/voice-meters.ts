import type { VoiceMetrics } from '../../plugin/index.js';
import { byId } from './dom.js';

/** The voice's own figures, as it tells them. */
export class VoiceMeters {
    private readonly latency = byId('voice-latency', HTMLElement);
    private readonly headroom = byId('voice-headroom', HTMLElement);
    private readonly underruns = byId('voice-underruns', HTMLElement);
    private readonly place = byId('voice-place', HTMLElement);

    public show(metrics: VoiceMetrics): void {
        this.latency.textContent = `${metrics.latencyMs.toFixed(0)} ms`;
        this.latency.title = `${metrics.delayMs.toFixed(0)} ms in the voice, ${metrics.outputLatencyMs.toFixed(0)} ms from there to the ear`;
        this.headroom.textContent = formatHeadroom(metrics.headroomMs);
        this.underruns.textContent = String(metrics.underruns);
        this.place.textContent = formatPlace(metrics);
    }
}

/** How long before their sound the lips are known. */
export function formatHeadroom(ms: number): string {
    if (ms === Infinity) return 'all known';
    return ms < 0 ? `${(-ms).toFixed(0)} ms late` : `${ms.toFixed(0)} ms`;
}

/** Where sound is analysed, and how live sound gets there. */
export function formatPlace({ analysis, transport }: Pick<VoiceMetrics, 'analysis' | 'transport'>): string {
    if (transport === 'none') return analysis;
    return `${analysis}, ${transport === 'shared-memory' ? 'shared memory' : 'messages'}`;
}
