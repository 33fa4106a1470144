import { PgsError, type PgsErrorCode } from '../errors.js';

/** One thing that is wrong with a file. */
export interface AssetFault {
    readonly code: PgsErrorCode;
    /** JSON pointer into the document, or `file`, for what is wrong. */
    readonly pointer: string;
    readonly message: string;
}

/**
 * What a reader does on a fault. Loading stops at the first; validating notes it and goes on with what can still be read.
 */
export interface FaultSink {
    report(fault: AssetFault): void;
}

/** Throws on the first fault. */
export class StrictSink implements FaultSink {
    public report({ code, pointer, message }: AssetFault): void {
        throw new PgsError(code, `${pointer}: ${message} Export the head again.`);
    }
}

/** Keeps every fault. */
export class CollectingSink implements FaultSink {
    public readonly faults: AssetFault[] = [];

    public report(fault: AssetFault): void {
        this.faults.push(fault);
    }
}

type JsonObject = Readonly<Record<string, unknown>>;

/** Reads typed values out of JSON of unknown origin; each getter reports and returns undefined where the value is wrong. */
export class JsonReader {
    readonly #sink: FaultSink;

    public constructor(sink: FaultSink) {
        this.#sink = sink;
    }

    public fault(code: PgsErrorCode, pointer: string, message: string): undefined {
        this.#sink.report({ code, pointer, message });
        return undefined;
    }

    public object(value: unknown, pointer: string): JsonObject | undefined {
        if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
        return this.fault('ASSET_FORMAT', pointer, `expected an object, got ${describe(value)}.`);
    }

    public array(value: unknown, pointer: string, length?: number): readonly unknown[] | undefined {
        if (Array.isArray(value) && (length === undefined || value.length === length))
            return value as readonly unknown[];
        return this.fault(
            'ASSET_FORMAT',
            pointer,
            `expected an array${length === undefined ? '' : ` of ${length}`}, got ${describe(value)}.`,
        );
    }

    public integer(value: unknown, pointer: string, min: number, max: number): number | undefined {
        if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
        return this.fault('ASSET_FORMAT', pointer, `expected a whole number ${min}..${max}, got ${describe(value)}.`);
    }

    public number(value: unknown, pointer: string): number | undefined {
        if (typeof value === 'number' && Number.isFinite(value)) return value;
        return this.fault('ASSET_VALUE', pointer, `expected a finite number, got ${describe(value)}.`);
    }

    public text(value: unknown, pointer: string): string | undefined {
        if (typeof value === 'string') return value;
        return this.fault('ASSET_FORMAT', pointer, `expected text, got ${describe(value)}.`);
    }

    public numbers(value: unknown, pointer: string, length?: number): number[] | undefined {
        const items = this.array(value, pointer, length);
        if (items === undefined) return undefined;
        const out = items.map((item, i) => this.number(item, `${pointer}/${i}`));
        return out.every((item) => item !== undefined) ? (out as number[]) : undefined;
    }
}

function describe(value: unknown): string {
    if (value === undefined) return 'nothing';
    if (Array.isArray(value)) return `an array of ${value.length}`;
    if (typeof value === 'object') return value === null ? 'null' : 'an object';
    return JSON.stringify(value).slice(0, 60);
}
