import { BRANCH_NAMES } from '../../../../plugin/core/index.js';
import type { TrainConfig } from '../config.js';
import type { TrainStage } from './stage.js';

/** Stage 1 of 3 (Eq. 11): fits each branch as a still cloud. The mouth sees its widest frames only. No audio, no deformer. */
export function staticInit(config: TrainConfig): TrainStage {
    return {
        name: 'static-init',
        native: 'static',
        first: 0,
        end: config.iterations.static,
        branches: BRANCH_NAMES,
        densifies: true,
    };
}
