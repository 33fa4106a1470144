import { PgsError } from '../core/index.js';

/** An expression by action unit; each property is a number 0..1 that an animation can drive. */
export type ExpressionValues = Record<string, number>;

/**
 * Makes an object with one number property an action unit, backed by f_e.
 *
 * Writes are clamped to 0..1; `onChange` runs when a stored value changes. Unknown names cannot be added.
 *
 * @param names - action units in the order of f_e.
 * @param exprFeat - f_e `[names.length]`, where the values live.
 * @returns the object; setting a property to NaN or to anything but a number throws PgsError `OPTION_VALUE`.
 */
export function createExpression(
    names: readonly string[],
    exprFeat: Float32Array,
    onChange: () => void,
): ExpressionValues {
    const expression: ExpressionValues = {};
    names.forEach((name, index) => {
        Object.defineProperty(expression, name, {
            enumerable: true,
            get: () => exprFeat[index] as number,
            set: (value: number) => {
                const clamped = Math.fround(clampIntensity(name, value));
                if (exprFeat[index] === clamped) return;
                exprFeat[index] = clamped;
                onChange();
            },
        });
    });
    return Object.seal(expression);
}

function clampIntensity(name: string, value: number): number {
    if (typeof value === 'number' && !Number.isNaN(value)) return Math.min(Math.max(value, 0), 1);
    throw new PgsError('OPTION_VALUE', `expression.${name}: expected a number 0..1, got ${value}. Pass an intensity.`);
}
