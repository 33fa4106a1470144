import { speechFault } from './failure.js';

/** Longest line, characters: about two minutes of 24 kHz sound as base64 (chosen). */
const MAX_LINE = 8 * 1024 * 1024;

/**
 * One object a line, as the lines come; empty lines and the frame of server-sent events are passed over.
 *
 * @throws PgsError `SPEECH_SOURCE` - a line that is no object, is too long, or is cut off by the end.
 */
export async function* jsonLines(
    where: string,
    bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<object, void, undefined> {
    const decoder = new TextDecoder();
    // Parts of one line: joined once, so that a line in tiny pieces costs no more than a whole one.
    let parts: string[] = [];
    let length = 0;
    for await (const part of bytes) {
        const lines = decoder.decode(part, { stream: true }).split('\n');
        for (const [i, line] of lines.entries()) {
            parts.push(line);
            length += line.length;
            if (length > MAX_LINE) throw refuse(where, `lines up to ${MAX_LINE} characters`, 'a longer one');
            if (i === lines.length - 1) break;
            yield* objectsIn(where, parts.join(''));
            parts = [];
            length = 0;
        }
    }
    yield* objectsIn(where, parts.join('') + decoder.decode());
}

function* objectsIn(where: string, line: string): Generator<object, void, undefined> {
    const text = line.replace(/^data:/, '').trim();
    if (text === '' || text === '[DONE]' || /^(?:event|id|retry)?:/.test(text)) return;
    yield parseObject(where, text);
}

/** @throws PgsError `SPEECH_SOURCE` - no JSON object. */
export function parseObject(where: string, text: string): object {
    let value: unknown;
    try {
        value = JSON.parse(text);
    } catch {
        // The text itself is left out: it may be anything.
        throw refuse(where, 'a JSON object', `${text.length} characters that are none`);
    }
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
    throw refuse(where, 'a JSON object', 'another value');
}

function refuse(where: string, expected: string, got: string): Error {
    return speechFault(
        where,
        expected,
        got,
        'If the connection was closed in mid-word, try again; else check the url.',
    );
}
