import { join } from 'node:path';
import { decodeHead, encodeHead } from '../../../plugin/core/index.js';
import { AssetPlayer } from './asset-player.js';
import type { TrainingAudio } from './audio-features.js';
import type { Dataset } from './dataset/dataset.js';
import { scoreFrames, summarise, type FrameRenderer } from './evaluate.js';
import { buildAsset } from './export/build-asset.js';
import { chooseBits } from './export/choose-bits.js';
import { measureContribution } from './export/contribution.js';
import { writeFileAtomic } from './io/atomic.js';
import { readLog } from './log.js';
import type { Engine } from './native/engine.js';
import { testFrames } from './previews.js';
import type { Progress } from './progress.js';
import { evaluationTable } from './report/table.js';
import { writeReport } from './report/report.js';
import type { RunFolder } from './run-folder.js';

/** What the end of a run works with. */
export interface FinishInputs {
    readonly engine: Engine;
    readonly audio: TrainingAudio;
    readonly dataset: Dataset;
    readonly run: RunFolder;
    readonly progress: Progress;
}

/** Test frames that the export report compares asset and model on. */
const EXPORT_FRAMES = 20;

/** Exports a trained model to its `.glb`, evaluates the file on the whole test split, and writes the run report beside it. */
export async function finishRun({ engine, audio, dataset, run, progress }: FinishInputs): Promise<void> {
    const { config, request } = run;
    progress.note('export: measuring contributions');
    const contribution = await measureContribution(engine, dataset);
    const asset = buildAsset({
        engine,
        dataset,
        config,
        frontEnd: audio.frontEnd,
        consent: request.consent ?? '',
        facts: {},
        contribution,
    });
    const model: FrameRenderer = { render: (frame, isDeformed) => engine.renderFrame(frame, isDeformed) };
    progress.note(
        `export: ${asset.branches.face.splats.count} face and ${asset.branches.mouth.splats.count} mouth splats; choosing the precision`,
    );
    const draft = await chooseBits(asset, dataset, engine, model, testFrames(dataset, EXPORT_FRAMES));

    const [first, end] = dataset.header.split.test;
    const frames = Array.from({ length: end - first }, (_, i) => first + i);
    progress.note(`evaluation: ${frames.length} test frames of the exported head`);
    const scores = await scoreFrames(dataset, frames, new AssetPlayer(decodeHead(draft.bytes), dataset, engine));
    const evaluation = summarise(scores);
    const log = readLog(run.log);
    const trainingSeconds = log.reduce(
        (sum, entry, i) => sum + entry.step * (entry.iteration - (log[i - 1]?.iteration ?? 0)),
        0,
    );
    const facts = {
        metrics: evaluation,
        export: draft.tried,
        trainingSeconds: Math.round(trainingSeconds),
        engine: engine.buildInfo,
    };

    const bytes = encodeHead({ ...asset, facts: { ...asset.facts, ...facts } }, { featureBits: draft.featureBits });
    writeFileAtomic(request.output, [bytes]);
    await writeReport({ asset, dataset, run, log, scores, evaluation, exported: { ...draft, bytes }, engine });
    progress.note(evaluationTable(evaluation));
    progress.note(
        `wrote ${request.output} (${(bytes.length / 1e6).toFixed(2)} MB) and ${join(run.path, 'report.html')}`,
    );
}
