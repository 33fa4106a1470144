/** Something that is measured once a round. */
export interface Contestant<S> {
    readonly name: string;
    /** Takes part in every so-many-th round, for what is too slow to be measured as often. Default 1. */
    readonly every?: number;
    sampleAsync(round: number): Promise<S>;
}

/**
 * Measures all contestants once, then all again: what else the machine does weighs on all alike.
 *
 * Every other round goes backwards, so that nobody always follows the same neighbour.
 *
 * @param report - told after every round.
 * @returns samples by name, in order.
 */
export async function interleaveAsync<S>(
    contestants: readonly Contestant<S>[],
    rounds: number,
    report: (round: number) => void = () => undefined,
): Promise<Map<string, S[]>> {
    const samples = new Map<string, S[]>(contestants.map(({ name }) => [name, []]));
    for (let round = 0; round < rounds; round++) {
        const order = round % 2 === 0 ? contestants : [...contestants].reverse();
        for (const { name, every = 1, sampleAsync } of order)
            if (round % every === 0) samples.get(name)?.push(await sampleAsync(round));
        report(round);
    }
    return samples;
}
