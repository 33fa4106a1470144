import { FakeAudioContext } from '../audio/fake-audio-context.js';

/** An audio context whose time is what its owner says, heard without delay, whatever the page's clock does. */
export class SteppedContext extends FakeAudioContext {
    public override getOutputTimestamp(): { contextTime: number; performanceTime: number } {
        return { contextTime: this.currentTime, performanceTime: performance.now() };
    }
}
