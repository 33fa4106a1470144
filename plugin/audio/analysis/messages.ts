import { PgsError, type AudioFrontEnd, type PgsErrorCode } from '../../core/index.js';

/** Where the sound of a stream comes from: pushed by the page, or sent or written by the tap on the audio thread. */
export type StreamFeed = MessagePort | SharedArrayBuffer | null;

/** What the page tells the analysis. Voices, clips and streams are numbered by the page; a number is never used twice. */
export type ToHost =
    /** Asks whether anybody is there. */
    | { readonly type: 'hello' }
    /** `encoder`: ONNX bytes, or null where the page encodes. */
    | {
          readonly type: 'open';
          readonly voice: number;
          readonly frontEnd: AudioFrontEnd;
          readonly encoder: Uint8Array | null;
      }
    | { readonly type: 'close'; readonly voice: number }
    | {
          readonly type: 'clip';
          readonly voice: number;
          readonly clip: number;
          readonly samples: Float32Array;
          readonly sampleRate: number;
      }
    | { readonly type: 'cancel'; readonly clip: number }
    | {
          readonly type: 'stream';
          readonly voice: number;
          readonly stream: number;
          readonly sampleRate: number;
          /** Rate at which the sound is wanted back, in step with its frames; null where it is not. */
          readonly outputRate: number | null;
          /** Frames a second that are wanted. */
          readonly fps: number;
          readonly feed: StreamFeed;
      }
    | { readonly type: 'pcm'; readonly stream: number; readonly samples: Float32Array }
    | { readonly type: 'end'; readonly stream: number }
    | { readonly type: 'drop'; readonly stream: number }
    | {
          readonly type: 'encoded';
          readonly request: number;
          readonly features: Float32Array | null;
          readonly fault: Fault | null;
      };

/** What the analysis tells the page. */
export type FromHost =
    | { readonly type: 'ready' }
    | { readonly type: 'opened'; readonly voice: number; readonly rest: Float32Array }
    | { readonly type: 'progress'; readonly clip: number; readonly share: number }
    | {
          readonly type: 'analysed';
          readonly clip: number;
          readonly features: Float32Array;
          readonly energy: Float32Array;
      }
    | {
          readonly type: 'frames';
          readonly stream: number;
          readonly first: number;
          readonly features: Float32Array;
          readonly energy: Float32Array;
          /** Sound up to the centre of the last frame, at the wanted rate; null where none was wanted. */
          readonly pcm: Float32Array | null;
          /** Frame of the audio context at which the stream began; 0 where the page pushes. */
          readonly anchor: number;
      }
    | { readonly type: 'ended'; readonly stream: number; readonly duration: number }
    /** Something of a stream is no sound, or has no lips; it goes on. */
    | { readonly type: 'faulty'; readonly stream: number; readonly fault: Fault }
    | { readonly type: 'failed'; readonly of: 'voice' | 'clip' | 'stream'; readonly id: number; readonly fault: Fault }
    | {
          readonly type: 'encode';
          readonly voice: number;
          readonly request: number;
          readonly windows: Float32Array;
          readonly count: number;
      };

/** A `PgsError` on its way between threads. */
export interface Fault {
    readonly code: PgsErrorCode;
    readonly message: string;
}

/** What of an error reaches the other thread. @param where - begins the message of one that is not ours. */
export function faultOf(where: string, error: unknown): Fault {
    if (error instanceof PgsError) return { code: error.code, message: error.message };
    return { code: 'ENCODER_UNSUPPORTED', message: `${where}: ${String(error)}. Check the audio encoder.` };
}

/** One end of the way between page and analysis: a `Worker`, a worker's own scope, or a `MessagePort`. */
export interface AnalysisPort {
    postMessage(message: unknown, transfer?: Transferable[]): void;
    onmessage: ((event: MessageEvent) => void) | null;
}
