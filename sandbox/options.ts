/** What the address of the page asks for. Every field has a default, so that the bare address works. */
export interface SandboxOptions {
    /** `?avatar=`: address of the first head. */
    readonly avatar: string;
    /** `?audio=`: address of the first sound. */
    readonly audio: string;
    /** `?t=`: audio time to stand still at, seconds; null to run freely. */
    readonly frozenTime: number | null;
    /** `?ui=0`: the picture alone. */
    readonly hasUi: boolean;
    /** `?yaw=&pitch=&distance=`: where the camera starts, degrees and metres; yaw positive towards the head's left. */
    readonly yaw: number;
    readonly pitch: number;
    readonly distance: number;
    /** `?rasterizer=tile`: start with the compute rasterizer; anything else is `auto`. */
    readonly rasterizer: 'auto' | 'tile';
    /** `?heat=1`: start with the heat map of pixel counts. */
    readonly hasHeat: boolean;
    /** `?lod=0`: draw every splat. */
    readonly hasDetail: boolean;
    /** `?lively=0`: no life of its own beyond the lips; a page that stands still has none anyway. */
    readonly isLively: boolean;
    /** `?scale=`: screen pixels per rendered pixel; 2 draws a quarter of the pixels. Null: chosen by the screen. */
    readonly scale: number | null;
}

/** Reads the query string; a value that is no number falls back to its default. */
export function readOptions(search: string): SandboxOptions {
    const query = new URLSearchParams(search);
    const number = (name: string): number | null => {
        const text = query.get(name);
        if (text === null || text.trim() === '') return null;
        const value = Number(text);
        return Number.isFinite(value) ? value : null;
    };
    const time = number('t');
    const scale = number('scale');
    return {
        avatar: query.get('avatar') ?? 'avatars/ava.glb',
        audio: query.get('audio') ?? 'audio/hello.wav',
        frozenTime: time === null ? null : Math.max(0, time),
        hasUi: query.get('ui') !== '0',
        yaw: number('yaw') ?? 0,
        pitch: number('pitch') ?? 4,
        distance: number('distance') ?? 1.05,
        rasterizer: query.get('rasterizer') === 'tile' ? 'tile' : 'auto',
        hasHeat: query.get('heat') === '1',
        hasDetail: query.get('lod') !== '0',
        isLively: query.get('lively') !== '0' && time === null,
        scale: scale === null ? null : Math.min(8, Math.max(0.5, scale)),
    };
}
