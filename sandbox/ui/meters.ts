import { byId } from './dom.js';

/** Numbers under the hood; `null` is not measured on this device. */
export interface MeterValues {
    readonly fps: number;
    readonly gpuFrameMs: number | null;
    readonly gpuHeadMs: number | null;
    readonly drawnSplats: number | null;
    readonly splats: number | null;
    readonly rasterizer: string;
    readonly rasterizerReason: string;
    readonly avatar: string;
}

/** Milliseconds between two readings: numbers that flicker cannot be read. */
const INTERVAL = 400;

/** Writes the measurements a few times a second. */
export class Meters {
    private readonly fields = {
        fps: byId('fps', HTMLElement),
        gpuFrame: byId('gpu-frame', HTMLElement),
        gpuHead: byId('gpu-head', HTMLElement),
        splats: byId('splats', HTMLElement),
        rasterizer: byId('rasterizer', HTMLElement),
        avatar: byId('avatar-name', HTMLElement),
    };
    private last = 0;

    public update(now: number, read: () => MeterValues): void {
        if (now - this.last < INTERVAL) return;
        this.last = now;
        const values = read();
        const { fields } = this;
        fields.fps.textContent = values.fps < 10 ? values.fps.toFixed(1) : values.fps.toFixed(0);
        fields.gpuFrame.textContent = formatMs(values.gpuFrameMs);
        fields.gpuHead.textContent = formatMs(values.gpuHeadMs);
        fields.splats.textContent = formatShare(values.drawnSplats, values.splats);
        fields.rasterizer.textContent = values.rasterizer || '–';
        fields.rasterizer.title = values.rasterizerReason;
        fields.avatar.textContent = values.avatar || '–';
        fields.avatar.title = values.avatar;
    }
}

/** `12,345 / 30,000`. */
function formatShare(part: number | null, whole: number | null): string {
    return part === null || whole === null ? '–' : `${part.toLocaleString('en')} / ${whole.toLocaleString('en')}`;
}

function formatMs(ms: number | null): string {
    if (ms === null) return 'not measured here';
    return `${ms.toFixed(ms < 10 ? 2 : 1)} ms`;
}
