import { BRANCH_NAMES } from '../../../../plugin/core/index.js';
import { totalIterations, type TrainConfig } from '../config.js';
import type { TrainStage } from './stage.js';

/**
 * Stage 3 of 3 (Eq. 13): both branches composited (Eq. 10) over the recorded background; colour moves, and the face's
 * opacity where the configuration says so. Density is fixed. LPIPS is absent here: gamma is 0.
 */
export function fineTune(config: TrainConfig): TrainStage {
    const { iterations } = config;
    return {
        name: 'fine-tune',
        native: 'finetune',
        first: iterations.static + iterations.deform,
        end: totalIterations(config),
        branches: BRANCH_NAMES,
        densifies: false,
    };
}
