import { join } from 'node:path';
import type { HeadAsset } from '../../../../plugin/core/index.js';
import { AssetPlayer } from '../asset-player.js';
import type { Dataset } from '../dataset/dataset.js';
import { REGION_NAMES, type Evaluation, type FrameScore } from '../evaluate.js';
import type { ExportResult } from '../export/choose-bits.js';
import { writeFileAtomic } from '../io/atomic.js';
import type { LogEntry } from '../log.js';
import type { Engine } from '../native/engine.js';
import type { RunFolder } from '../run-folder.js';
import { chart } from './chart.js';
import { worstFrames, type WorstFrame } from './worst-frames.js';

/** What a report tells. */
export interface ReportInputs {
    readonly asset: HeadAsset;
    readonly dataset: Dataset;
    readonly run: RunFolder;
    readonly log: readonly LogEntry[];
    readonly scores: readonly FrameScore[];
    readonly evaluation: Evaluation;
    readonly exported: ExportResult;
    readonly engine: Engine;
}

const FACE = '#c2571a';
const MOUTH = '#1a6fc2';

/** Writes `report.json` and `report.html` (one file, no network) into the run folder and beside the exported head. */
export async function writeReport(inputs: ReportInputs): Promise<void> {
    const { asset, run, evaluation, exported, dataset, engine, scores } = inputs;
    const worst = await worstFrames(dataset, scores, new AssetPlayer(asset, dataset, engine));
    const facts = {
        name: asset.name,
        config: run.config,
        evaluation,
        export: {
            featureBits: exported.featureBits,
            bytes: exported.bytes.length,
            tried: exported.tried,
            frames: exported.frames,
        },
        splats: { face: asset.branches.face.splats.count, mouth: asset.branches.mouth.splats.count },
        moving: { face: asset.branches.face.movingCount, mouth: asset.branches.mouth.movingCount },
        engine: engine.buildInfo,
        // LPIPS needs weights that cannot be shipped; gamma of Eq. 13 was 0.
        lpips: null,
        scores,
    };
    const json = [Buffer.from(`${JSON.stringify(facts, null, 1)}\n`)];
    const html = [Buffer.from(page(inputs, worst))];
    const beside = run.request.output.replace(/\.glb$/, '');
    for (const [suffix, parts] of [
        ['json', json],
        ['html', html],
    ] as const) {
        writeFileAtomic(join(run.path, `report.${suffix}`), parts);
        writeFileAtomic(`${beside}.report.${suffix}`, parts);
    }
}

function page({ asset, log, evaluation, exported, scores, run }: ReportInputs, worst: readonly WorstFrame[]): string {
    const over = (pick: (entry: LogEntry) => number): [number, number][] =>
        log.map((entry) => [entry.iteration, pick(entry)]);
    const charts = [
        chart(
            'Loss',
            [
                { name: 'face', color: FACE, points: over((e) => e.lossFace) },
                { name: 'mouth', color: MOUTH, points: over((e) => e.lossMouth) },
            ],
            true,
        ),
        chart(
            'Splats',
            [
                { name: 'face', color: FACE, points: over((e) => e.splatsFace) },
                { name: 'mouth', color: MOUTH, points: over((e) => e.splatsMouth) },
            ],
            false,
        ),
        chart(
            'Mouth opening on the test split, px',
            [
                { name: 'rendered', color: FACE, points: scores.map((s) => [s.frame, s.aperture]) },
                { name: 'truth', color: MOUTH, points: scores.map((s) => [s.frame, s.trueAperture]) },
            ],
            false,
        ),
        chart(
            'Lips PSNR on the test split, dB',
            [
                { name: 'deformed', color: FACE, points: scores.map((s) => [s.frame, s.regions.lips.psnr]) },
                { name: 'still', color: MOUTH, points: scores.map((s) => [s.frame, s.static.lips.psnr]) },
            ],
            false,
        ),
    ];
    const cell = (value: number, digits: number): string =>
        `<td>${Number.isFinite(value) ? value.toFixed(digits) : '-'}</td>`;
    const rows = REGION_NAMES.map((name) => {
        const { psnr, ssim } = evaluation.regions[name];
        const still = evaluation.static[name];
        return `<tr><th>${name}</th>${cell(psnr, 2)}${cell(ssim, 4)}${cell(still.psnr, 2)}${cell(still.ssim, 4)}${cell(psnr - still.psnr, 2)}</tr>`;
    });
    const tried = exported.tried.map(
        ({ featureBits, bytes, lossDb }) =>
            `<tr><th>${featureBits} bit</th><td>${(bytes / 1e6).toFixed(2)} MB</td>${cell(lossDb, 3)}</tr>`,
    );
    const pictures = worst.map(
        ({ frame, psnr, jpeg }) =>
            `<figure><figcaption>frame ${frame}: ${psnr.toFixed(1)} dB over the lips (truth, render)</figcaption><img alt="frame ${frame}" src="data:image/jpeg;base64,${Buffer.from(jpeg).toString('base64')}"></figure>`,
    );
    return `<!doctype html><meta charset="utf-8"><title>${escape(asset.name)} - run report</title>
<style>body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#222}h1{font-weight:600}table{border-collapse:collapse;margin:1rem 0}
td,th{padding:.2rem .8rem;text-align:right;border-bottom:1px solid #ddd}main{display:grid;grid-template-columns:repeat(auto-fit,minmax(26rem,1fr));gap:1rem}figure{margin:0}
figcaption{color:#555}img,svg{width:100%}svg text{font-size:11px;fill:#777}.grid{stroke:#e4e4e4}</style>
<h1>${escape(asset.name)}</h1>
<p>Preset ${escape(run.config.preset)}, seed ${run.config.seed}; ${asset.branches.face.splats.count} face and ${asset.branches.mouth.splats.count} mouth splats; ${(exported.bytes.length / 1e6).toFixed(2)} MB.
LPIPS was not part of the loss or of this table: its weights are not shipped.</p>
<table><tr><th>test split, ${evaluation.frames} frames</th><th>PSNR</th><th>SSIM</th><th>still PSNR</th><th>still SSIM</th><th>gain dB</th></tr>${rows.join('')}</table>
<p>Lip sync: lag ${evaluation.sync.lagFrames.toFixed(2)} frames, correlation ${evaluation.sync.correlation.toFixed(3)}.</p>
<table><tr><th>features</th><th>file</th><th>loss against the trained model, dB</th></tr>${tried.join('')}</table>
<main>${charts.join('')}</main><h2>Worst frames</h2><main>${pictures.join('')}</main>\n`;
}

function escape(text: string): string {
    return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
