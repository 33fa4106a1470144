import { RingReader } from './sample-ring.js';

/** Sound as it comes from the audio thread. */
export interface FedSamples {
    /** Mono. */
    readonly samples: Float32Array;
    /** Of them, samples that were lost before they could be read and are silence here. */
    readonly lost: number;
    /** Context frame of the first sample of the stream. */
    readonly anchor: number;
}

/** What a tap posts to its port. */
interface TapMessage {
    readonly frame: number;
    readonly samples: Float32Array;
}

/** Reads a feed until closed. @returns what closes it. */
export function readFeed(feed: MessagePort | SharedArrayBuffer, take: (fed: FedSamples) => void): () => void {
    if (feed instanceof MessagePort) {
        feed.onmessage = ({ data }: MessageEvent<TapMessage>): void =>
            take({ samples: data.samples, lost: 0, anchor: data.frame });
        return () => feed.close();
    }
    const reader = new RingReader(feed);
    let isOpen = true;
    const loop = async (): Promise<void> => {
        while (isOpen) {
            const { samples, lost } = reader.take();
            if (samples.length > 0) take({ samples, lost, anchor: reader.anchor });
            await reader.waitAsync();
        }
    };
    void loop();
    return () => {
        isOpen = false;
        reader.wake();
    };
}
