/** The part of JSON Schema 2020-12 that the repository's schemas use. */
export interface Schema {
    readonly [keyword: string]: unknown;
}

type Check = (value: unknown, argument: unknown, schema: Schema, path: string) => readonly string[];

const when = (holds: boolean, path: string, message: string): string[] => (holds ? [] : [`${path || '/'}: ${message}`]);
const size = (value: unknown): number => (Array.isArray(value) || typeof value === 'string' ? value.length : NaN);

/**
 * Faults of a value under a schema, each with its JSON pointer; empty for a valid value.
 *
 * Knows only what {@link Schema} promises: an unknown keyword throws, so that a schema cannot silently check nothing.
 */
export function schemaFaults(root: Schema, value: unknown, schema: Schema = root, path = ''): readonly string[] {
    const checks: Readonly<Record<string, Check>> = {
        type: (v, type) =>
            when(typeOf(v, type), path, `expected ${String(type)}, got ${JSON.stringify(v)?.slice(0, 40)}`),
        const: (v, expected) =>
            when(v === expected, path, `expected ${JSON.stringify(expected)}, got ${JSON.stringify(v)}`),
        minimum: (v, low) => when((v as number) >= (low as number), path, `expected at least ${String(low)}`),
        maximum: (v, high) => when((v as number) <= (high as number), path, `expected at most ${String(high)}`),
        exclusiveMinimum: (v, low) => when((v as number) > (low as number), path, `expected above ${String(low)}`),
        exclusiveMaximum: (v, high) => when((v as number) < (high as number), path, `expected below ${String(high)}`),
        minItems: (v, low) => when(size(v) >= (low as number), path, `expected at least ${String(low)} items`),
        maxItems: (v, high) => when(size(v) <= (high as number), path, `expected at most ${String(high)} items`),
        minLength: (v, low) => when(size(v) >= (low as number), path, `expected at least ${String(low)} characters`),
        uniqueItems: (v) => when(new Set(v as unknown[]).size === size(v), path, 'expected different items'),
        required: (v, names) =>
            (names as string[]).flatMap((name) => when(name in (v as object), path, `expected "${name}"`)),
        additionalProperties: (v, _, { properties }) =>
            Object.keys(v as object).flatMap((name) =>
                when(name in (properties as object), path, `unexpected "${name}"`),
            ),
        properties: (v, properties) =>
            Object.entries(properties as Record<string, Schema>).flatMap(([name, part]) =>
                name in (v as object)
                    ? schemaFaults(root, (v as Record<string, unknown>)[name], part, `${path}/${name}`)
                    : [],
            ),
        items: (v, part) =>
            (v as unknown[]).flatMap((item, i) => schemaFaults(root, item, part as Schema, `${path}/${i}`)),
        $ref: (v, ref) => schemaFaults(root, v, definition(root, ref as string), path),
    };
    const annotations = ['$schema', '$defs', 'title', 'description'];
    const typeFault = schema['type'] === undefined ? [] : checks['type']?.(value, schema['type'], schema, path);
    // The other keywords assume the type.
    if (typeFault !== undefined && typeFault.length > 0) return typeFault;
    return Object.entries(schema).flatMap(([keyword, argument]) => {
        if (annotations.includes(keyword)) return [];
        const check = checks[keyword];
        if (check === undefined) throw new Error(`schema keyword "${keyword}" is not known to this checker`);
        return check(value, argument, schema, path);
    });
}

function typeOf(value: unknown, type: unknown): boolean {
    if (type === 'integer') return Number.isInteger(value);
    if (type === 'array') return Array.isArray(value);
    if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value);
    return typeof value === type;
}

function definition(root: Schema, ref: string): Schema {
    const name = /^#\/\$defs\/(\w+)$/.exec(ref)?.[1] ?? '';
    const found = (root['$defs'] as Record<string, Schema>)[name];
    if (found === undefined) throw new Error(`schema has no ${ref}`);
    return found;
}
