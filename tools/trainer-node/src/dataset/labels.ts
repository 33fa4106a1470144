import { PgsError } from '../../../../plugin/core/index.js';

/** What a pixel of a mask shows. */
export type LabelName = 'background' | 'face' | 'hair' | 'mouth' | 'torso';

/** Label ids of the engine, whatever ids the dataset's masks use. */
export const LABEL_IDS: Readonly<Record<LabelName, number>> = { background: 0, face: 1, hair: 2, mouth: 3, torso: 4 };

/** Every label, in the engine's order. */
export const LABEL_NAMES: readonly LabelName[] = ['background', 'face', 'hair', 'mouth', 'torso'];

const UNKNOWN = 255;

/**
 * Lookup table from a mask's byte to the engine's label id, 255 where the dataset names no label.
 *
 * @param labels - `dataset.json`'s `labels`.
 */
export function labelTable(labels: Readonly<Record<LabelName, number>>): Uint8Array {
    const table = new Uint8Array(256).fill(UNKNOWN);
    for (const name of LABEL_NAMES) table[labels[name]] = LABEL_IDS[name];
    return table;
}

/**
 * Translates a mask in place.
 *
 * @param where - the mask's file, for the message.
 * @throws PgsError `DATASET_VALUE` - a byte that is no label; names the pixel.
 */
export function translateLabels(where: string, mask: Uint8Array, width: number, table: Uint8Array): void {
    for (let p = 0; p < mask.length; p++) {
        const id = table[mask[p] as number] as number;
        if (id === UNKNOWN) {
            throw new PgsError(
                'DATASET_VALUE',
                `${where} pixel (${p % width}, ${Math.floor(p / width)}): expected a label of dataset.json, got ${mask[p]}. ` +
                    'Write 8-bit masks without smoothing, or add the label to "labels".',
            );
        }
        mask[p] = id;
    }
}
