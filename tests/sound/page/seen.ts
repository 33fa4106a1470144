/** Root mean square, left and right. */
export type Level = [left: number, right: number];

/** A question to a known sound, and what was really rendered at that context time. */
export interface Probe {
    /** s after the script's start. */
    readonly time: number;
    readonly state: string;
    readonly position: number;
    readonly rate: number;
    /** s in the buffer; the nearest of three neighbouring samples. */
    readonly rendered: number;
}

export type SeenConnected = Record<
    'connected' | 'quiet' | 'bussed' | 'muted' | 'disconnected' | 'again' | 'disposed',
    Level
> &
    Record<'isSameContext' | 'isEngineLive', boolean> & { tapLevel: number; freed: number; error: string };

export type SeenShared = Record<'isOne' | 'isFound' | 'isLater', boolean> &
    Record<'filesBefore' | 'filesOpened' | 'filesAfter' | 'engines' | 'liveWithOne', number> &
    Record<'both' | 'one', Level> & { end: { engines: number; context: string } };

export type SeenSpatial = Record<'right' | 'left' | 'turned' | 'far' | 'gone', Level> & { isAttached: boolean };

export type SeenRouted = Record<
    'before' | 'out' | 'through' | 'routedTwice' | 'back' | 'outSource' | 'backSource',
    number
> & { isPlayable: unknown[] };

export type SeenStreamed = Record<'heard' | 'carried' | 'back', Level> &
    Record<'instances' | 'endsAlone' | 'ends', number>;

/** Errors by what was refused, as `code: message`. */
export interface SeenRefused {
    nothing: unknown[];
    errors: Record<string, string>;
    isJoined: boolean;
}

export interface SeenFollowed {
    probes: Probe[];
    ends: number;
    isSameBuffer: boolean;
    after: string;
}

export type SeenBridge = Record<'isBuffer' | 'shows', boolean> &
    Record<'covered' | 'rateRamp' | 'pitchRamp' | 'rampSeconds' | 'paused' | 'startTime' | 'sought', number> &
    Record<'unchanged' | 'states', number[]> & {
        contexts: boolean[];
        outNodes: (string | undefined)[];
        changes: string[];
        before: unknown;
    };
