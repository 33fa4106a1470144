import { cameraCentre } from '../../../plugin/core/index.js';
import type { Dataset } from './dataset/dataset.js';

/** Camera centres of the training frames `[n][3]`, metres. */
export function trainingCentres(dataset: Dataset): [number, number, number][] {
    const [first, end] = dataset.header.split.train;
    return dataset.frames.slice(first, end).map((frame) => cameraCentre(frame.viewmat));
}

/**
 * Size of the scene as the lineage measures it: 1.1 times the largest distance of a training camera from their mean, metres.
 * Scales of learning rates and of clone/split/prune are fractions of it. Never below 0.2 m, so that a fixed camera works.
 */
export function sceneExtent(dataset: Dataset): number {
    const centres = trainingCentres(dataset);
    const mean = [0, 1, 2].map((k) => centres.reduce((sum, c) => sum + (c[k] as number), 0) / centres.length);
    const far = Math.max(...centres.map((c) => Math.hypot(...c.map((v, k) => v - (mean[k] as number)))));
    return Math.max(0.2, 1.1 * far);
}
