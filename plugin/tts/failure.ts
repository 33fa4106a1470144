import { PgsError } from '../core/index.js';

/** Longest pause that a timer can wait, ms: a longer one would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** Parts of a header shorter than this are words such as "Bearer" or "on", not keys (chosen). */
const SHORTEST_SECRET = 7;

/** A failure of a speech service, in the package's own words. Nothing that came from the user's keys may go in here. */
export function speechFault(where: string, expected: string, got: string, cure: string, cause?: unknown): PgsError {
    const options = cause === undefined ? {} : { cause };
    return new PgsError('SPEECH_SOURCE', `${where}: expected ${expected}, got ${got}. ${cure}`, options);
}

/**
 * @returns `stallMs` as a timer takes it, ms, default 10 000.
 * @throws PgsError `OPTION_VALUE` - not above 0.
 */
export function checkStall(where: string, stallMs = 10_000): number {
    if (stallMs > 0) return Math.min(stallMs, LONGEST_TIMER_MS);
    throw new PgsError('OPTION_VALUE', `${where}: expected a stallMs above 0, got ${stallMs}. Leave it out for 10 s.`);
}

/** @throws PgsError `OPTION_VALUE` - a rate that is no whole number of Hz in 8000..192000. */
export function checkSampleRate(where: string, sampleRate: number): number {
    if (Number.isInteger(sampleRate) && sampleRate >= 8000 && sampleRate <= 192_000) return sampleRate;
    const got = `${where}: expected a whole sampleRate in 8000..192000 Hz, got ${sampleRate}`;
    throw new PgsError('OPTION_VALUE', `${got}. Give the rate that the service sends.`);
}

/**
 * An address as a message may show it: without query and fragment, where keys travel.
 *
 * @throws PgsError `OPTION_VALUE` - no address, a relative one outside a page, or one with a user and password.
 */
export function addressOf(where: string, url: string | URL): string {
    const address = parsed(String(url));
    if (address !== null && address.username === '' && address.password === '') {
        return `${address.protocol}//${address.host}${address.pathname}`;
    }
    const got = address === null ? 'one that cannot be read' : 'one with a user and password';
    const cure = 'Give a whole URL, and keys through authorize().';
    throw new PgsError('OPTION_VALUE', `${where}: expected an address, got ${got}. ${cure}`);
}

function parsed(url: string): URL | null {
    try {
        return new URL(url, (globalThis as { location?: { href?: string } }).location?.href);
    } catch {
        return null;
    }
}

/** Values of the query of an address, where keys may travel. */
export function queryOf(url: string): string[] {
    return [...(parsed(url)?.searchParams.values() ?? [])];
}

/** Everything in these values that could be a key: the values and their words. */
export function secretsIn(values: Iterable<string>): string[] {
    const parts = [...values].flatMap((value) => [value, ...value.split(/[\s,;=]+/)]);
    return parts.filter((part) => part.length >= SHORTEST_SECRET).sort((a, b) => b.length - a.length);
}

/** A service's own words for a message: secrets hidden, one line, at most 120 characters, quoted; empty for none. */
export function quoted(text: string, secrets: readonly string[]): string {
    const hidden = secrets.reduce((rest, secret) => rest.replaceAll(secret, '***'), text);
    const line = hidden.replace(/\s+/g, ' ').trim();
    return line === '' ? '' : ` "${line.slice(0, 120)}"`;
}
