import { PgsError } from '../../../plugin/core/index.js';
import type { Dataset } from './dataset/dataset.js';

/** Provenance kind of a subject who is no real person. */
const RENDERED = 'rendered';

/**
 * The consent text to write into the asset (trainer.md §4).
 *
 * @param given - `--consent`, or null.
 * @returns the text; for a rendered subject without one, a statement that none is needed.
 * @throws PgsError `DATASET_VALUE` - a real person and no consent.
 */
export function consentOf(dataset: Dataset, given: string | null): string {
    const { provenance, consent, name } = dataset.header;
    const text = (given ?? consent ?? '').trim();
    if (text !== '') return text;
    if (provenance['kind'] === RENDERED) return 'Not needed: the subject is a rendered model, not a person.';
    throw new PgsError(
        'DATASET_VALUE',
        `${name}: expected the consent of the person shown, got none (provenance kind "${String(provenance['kind'])}"). ` +
            'Add --consent "who agreed to what, and when", or "consent" to dataset.json.',
    );
}
