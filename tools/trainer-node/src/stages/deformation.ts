import { BRANCH_NAMES } from '../../../../plugin/core/index.js';
import type { TrainConfig } from '../config.js';
import type { TrainStage } from './stage.js';

/** Stage 2 of 3 (Eq. 12): splats, feature planes, fusion networks and audio encoder together; each branch has its own loss. */
export function deformation(config: TrainConfig): TrainStage {
    const { iterations } = config;
    return {
        name: 'deformation',
        native: 'deform',
        first: iterations.static,
        end: iterations.static + iterations.deform,
        branches: BRANCH_NAMES,
        densifies: true,
    };
}
