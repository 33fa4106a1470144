import { PgsError } from '../../../../plugin/core/index.js';
import type { SafeTensors } from './safetensors.js';

/** Adam's moments, step counts and density sums: state of an optimiser, of which there is no mean. */
const OPTIMISER_STATE = /\.adam[12]$|^step\.|\.(gradAccum|weightAccum|gradAccumPlain|viewCount|maxContribution)$/;

/** A checkpoint and the file that it came from. */
export type NamedCheckpoint = SafeTensors & { readonly path: string };

/**
 * The mean of several checkpoints' parameters, with the first one's optimiser state and metadata.
 *
 * Models that branched off one run lie in one basin; their mean generalises better than each, because what one of them
 * learnt by heart is not in the others (stochastic weight averaging).
 *
 * @throws PgsError `CHECKPOINT_FORMAT` - a tensor is missing or of another size: density changed after they branched off.
 */
export function averageCheckpoints(first: NamedCheckpoint, others: readonly NamedCheckpoint[]): NamedCheckpoint {
    const tensors = new Map(first.tensors);
    for (const [name, values] of first.tensors) {
        if (OPTIMISER_STATE.test(name)) continue;
        const mean = Float64Array.from(values);
        for (const other of others) {
            const more = other.tensors.get(name);
            if (more?.length !== values.length) {
                throw new PgsError(
                    'CHECKPOINT_FORMAT',
                    `${other.path}: expected ${values.length} values of ${name}, got ${more?.length ?? 'none'}. ` +
                        'Average only runs that branched off one run after its density control had ended.',
                );
            }
            for (let i = 0; i < mean.length; i++) mean[i] = (mean[i] as number) + (more[i] as number);
        }
        tensors.set(
            name,
            values.map((_, i) => (mean[i] as number) / (others.length + 1)),
        );
    }
    return { ...first, tensors };
}
