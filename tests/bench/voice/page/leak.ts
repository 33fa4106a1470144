/** Makes nodes that nothing frees while the context lives: what a leaking voice would look like. */
export function makeLeak(context: AudioContext, count: number): void {
    for (let n = 0; n < count; n++) {
        const source = context.createConstantSource();
        source.connect(context.createGain()).connect(context.destination);
        source.offset.value = 0;
        source.start();
    }
}
