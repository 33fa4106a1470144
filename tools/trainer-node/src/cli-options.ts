import { parseArgs } from 'node:util';
import { PgsError } from '../../../plugin/core/index.js';

/** A command line that was not understood: exit code 2. */
export class UsageError extends Error {}

/** One `--option`. */
export interface OptionSpec {
    readonly name: string;
    /** `flag` takes no value. */
    readonly kind: 'text' | 'number' | 'flag';
    /** Placeholder of the value in the help. */
    readonly value?: string;
    readonly short?: string;
    readonly help: string;
}

/** One command. */
export interface CommandSpec {
    readonly name: string;
    readonly arguments: readonly string[];
    readonly summary: string;
    readonly options: readonly OptionSpec[];
}

/** Values of a parsed command line. */
export interface Parsed {
    readonly positionals: readonly string[];
    text(name: string): string | undefined;
    number(name: string): number | undefined;
    flag(name: string): boolean;
}

/**
 * Parses the words after a command's name.
 *
 * @throws UsageError - an unknown option, a missing value, or too many arguments.
 */
export function parseCommand(spec: CommandSpec, words: readonly string[]): Parsed {
    const options: Record<string, { type: 'string' | 'boolean'; short?: string }> = {
        help: { type: 'boolean', short: 'h' },
    };
    for (const { name, kind, short } of spec.options) {
        options[name] = { type: kind === 'flag' ? 'boolean' : 'string', ...(short === undefined ? {} : { short }) };
    }
    let values: Record<string, string | boolean | undefined>;
    let positionals: string[];
    try {
        ({ values, positionals } = parseArgs({ args: [...words], options, allowPositionals: true, strict: true }) as {
            values: Record<string, string | boolean | undefined>;
            positionals: string[];
        });
    } catch (error) {
        throw new UsageError((error as Error).message);
    }
    if (positionals.length > spec.arguments.length)
        throw new UsageError(`${spec.name}: unexpected argument "${positionals[spec.arguments.length]}"`);
    const text = (name: string): string | undefined => values[name] as string | undefined;
    return {
        positionals,
        text,
        number: (name) => {
            const given = text(name);
            if (given === undefined) return undefined;
            const value = Number(given);
            if (given.trim() === '' || !Number.isFinite(value))
                throw new PgsError('OPTION_VALUE', `--${name}: expected a number, got "${given}". See --help.`);
            return value;
        },
        flag: (name) => values[name] === true,
    };
}

/**
 * A whole number from the command line; undefined where it is not given.
 *
 * @param command - whose help the error names.
 * @throws PgsError `OPTION_VALUE` - not a whole number, or out of `low..high`.
 */
export function integerOption(
    parsed: Parsed,
    command: string,
    name: string,
    [low, high]: readonly [number, number],
): number | undefined {
    const value = parsed.number(name);
    if (value === undefined) return undefined;
    if (!Number.isInteger(value) || value < low || value > high) {
        throw new PgsError(
            'OPTION_VALUE',
            `--${name}: expected an integer ${low}..${high}, got ${value}. See pgstalker ${command} --help.`,
        );
    }
    return value;
}

/** Help text of a command. */
export function commandHelp(spec: CommandSpec): string {
    const rows = [
        ...spec.options,
        { name: 'help', kind: 'flag', short: 'h', help: 'show this text' } satisfies OptionSpec,
    ].map((option) => {
        const name = `${option.short === undefined ? '' : `-${option.short}, `}--${option.name}`;
        return [option.kind === 'flag' ? name : `${name} ${option.value ?? 'VALUE'}`, option.help] as const;
    });
    const width = Math.max(...rows.map(([left]) => left.length)) + 2;
    const lines = rows.map(([left, right]) => `  ${left.padEnd(width)}${right}`);
    return [
        `pgstalker ${spec.name} ${spec.arguments.join(' ')}`.trim(),
        '',
        spec.summary,
        '',
        'Options:',
        ...lines,
        '',
    ].join('\n');
}
