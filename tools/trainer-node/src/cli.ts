import { PgsError, type PgsErrorCode } from '../../../plugin/core/index.js';
import { commandHelp, parseCommand, UsageError, type CommandSpec, type Parsed } from './cli-options.js';
import { Interrupted } from './interrupted.js';

/** What the process exits with; part of the command line's contract. */
export const EXIT = { ok: 0, failure: 1, usage: 2, invalid: 3, noEngine: 4, interrupted: 130 } as const;

interface Command extends CommandSpec {
    run(parsed: Parsed): Promise<number>;
}

const THREADS = {
    name: 'threads',
    kind: 'number',
    value: 'N',
    help: 'threads of the engine; default: all cores',
} as const;
const JSON_FLAG = { name: 'json', kind: 'flag', help: 'print one JSON object on stdout instead of a table' } as const;

function commands(): readonly Command[] {
    return [
        {
            name: 'train',
            arguments: ['[DATASET]'],
            summary: 'Trains a head on a dataset folder and exports it as a .glb. Ctrl-C saves; --resume goes on.',
            options: [
                { name: 'output', short: 'o', kind: 'text', value: 'HEAD.glb', help: 'where the head goes' },
                {
                    name: 'preset',
                    kind: 'text',
                    value: 'NAME',
                    help: 'tiny (seconds), fast (about an hour at 512 px on 2 cores; default), paper',
                },
                { name: 'iterations-scale', kind: 'number', value: 'X', help: "times the preset's iterations" },
                { name: 'seed', kind: 'number', value: 'N', help: 'seed of everything random; default 0' },
                {
                    name: 'device',
                    kind: 'text',
                    value: 'NAME',
                    help: 'auto (an NVIDIA GPU where there is one; default), cuda, cpu',
                },
                {
                    name: 'stream-frames',
                    kind: 'flag',
                    help: 'GPU: frames stay in host memory; by default only where half of the free GPU memory would not hold them',
                },
                THREADS,
                { name: 'resume', kind: 'text', value: 'RUN', help: 'go on with the run in this folder' },
                {
                    name: 'average',
                    kind: 'text',
                    value: 'RUN,RUN',
                    help: 'with --resume: mean of the models of these runs, branched off the same one',
                },
                { name: 'extend', kind: 'number', value: 'N', help: 'with --resume: N more deformation iterations' },
                { name: 'run', kind: 'text', value: 'DIR', help: 'run folder; default: HEAD.run beside the output' },
                { name: 'frames', kind: 'number', value: 'N', help: 'train on the first N frames only' },
                { name: 'resolution', kind: 'number', value: 'PX', help: 'scale pictures down to this longer side' },
                {
                    name: 'consent',
                    kind: 'text',
                    value: 'TEXT',
                    help: "the subject's leave to use the likeness; needed for real people",
                },
                { name: 'no-pdc', kind: 'flag', help: 'density control by Eq. 1 instead of Eq. 2 (ablation)' },
            ],
            run: async (parsed) => (await import('./commands/train.js')).trainCommand(parsed),
        },
        {
            name: 'eval',
            arguments: ['HEAD.glb', 'DATASET'],
            summary: "Renders the dataset's test split from an exported head and prints PSNR, SSIM and lip sync.",
            options: [
                JSON_FLAG,
                THREADS,
                { name: 'frames', kind: 'number', value: 'N', help: 'only the first N test frames' },
            ],
            run: async (parsed) => (await import('./commands/eval.js')).evalCommand(parsed),
        },
        {
            name: 'prune',
            arguments: ['HEAD.glb', 'DATASET'],
            summary: 'Drops the splats that no training view needs and measures the loss on the test split.',
            options: [
                { name: 'output', short: 'o', kind: 'text', value: 'OUT.glb', help: 'where the smaller head goes' },
                {
                    name: 'max-loss',
                    kind: 'number',
                    value: 'DB',
                    help: 'write nothing where the head loses more PSNR than this; default 0.1',
                },
                {
                    name: 'views',
                    kind: 'number',
                    value: 'N',
                    help: 'training frames to look through, evenly spread; default: every 4th, at most 200',
                },
                {
                    name: 'min-pixels',
                    kind: 'number',
                    value: 'N',
                    help: 'keep a splat that reaches N pixels or more over all views; default 1',
                },
                JSON_FLAG,
                THREADS,
            ],
            run: async (parsed) => (await import('./commands/prune.js')).pruneCommand(parsed),
        },
        {
            name: 'validate',
            arguments: ['FILE'],
            summary: 'Checks a head (.glb) or a dataset folder, pictures included, and prints the faults.',
            options: [JSON_FLAG],
            run: async (parsed) => (await import('./commands/validate.js')).validateCommand(parsed),
        },
        {
            name: 'info',
            arguments: ['FILE'],
            summary: 'Prints what a head (.glb) or a dataset folder holds.',
            options: [JSON_FLAG],
            run: async (parsed) => (await import('./commands/info.js')).infoCommand(parsed),
        },
    ];
}

function overview(list: readonly Command[]): string {
    const lines = list.map(
        ({ name, arguments: args, summary }) => `  ${`${name} ${args.join(' ')}`.padEnd(26)}${summary}`,
    );
    return [
        'pgstalker COMMAND ...',
        '',
        ...lines,
        '',
        'Each command has --help. Exit codes: 0 ok, 1 failure, 2 usage, 3 invalid dataset or asset, 4 no native engine or no usable GPU, 130 interrupted.',
        '',
    ].join('\n');
}

function exitCode(code: PgsErrorCode): number {
    if (code === 'NATIVE_MISSING' || code === 'GPU_UNAVAILABLE') return EXIT.noEngine;
    if (code === 'OPTION_VALUE') return EXIT.usage;
    const isInput =
        code.startsWith('DATASET_') ||
        code.startsWith('ASSET_') ||
        code.startsWith('AUDIO_') ||
        code === 'ENCODER_UNSUPPORTED';
    return isInput ? EXIT.invalid : EXIT.failure;
}

/** Runs a command line and returns the exit code. Errors go to stderr, one line each; only bugs show a stack. */
export async function main(words: readonly string[]): Promise<number> {
    const list = commands();
    const [name, ...rest] = words;
    if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
        process.stdout.write(overview(list));
        return name === undefined ? EXIT.usage : EXIT.ok;
    }
    try {
        const command = list.find((candidate) => candidate.name === name);
        if (command === undefined) throw new UsageError(`unknown command "${name}"`);
        const parsed = parseCommand(command, rest);
        if (parsed.flag('help')) {
            process.stdout.write(commandHelp(command));
            return EXIT.ok;
        }
        const needed = command.arguments.filter((argument) => !argument.startsWith('['));
        const missing = needed[parsed.positionals.length];
        if (missing !== undefined) throw new UsageError(`${command.name}: ${missing} is missing`);
        return await command.run(parsed);
    } catch (error) {
        if (error instanceof UsageError) {
            process.stderr.write(`pgstalker: ${error.message}. See pgstalker --help.\n`);
            return EXIT.usage;
        }
        if (error instanceof Interrupted) {
            process.stderr.write(`${error.message}\n`);
            return EXIT.interrupted;
        }
        if (error instanceof PgsError) {
            process.stderr.write(`${error.code}: ${error.message}\n`);
            return exitCode(error.code);
        }
        if (error instanceof Error && error.name === 'AbortError') {
            process.stderr.write('Stopped before training began; nothing was written but the run folder.\n');
            return EXIT.interrupted;
        }
        process.stderr.write(
            `pgstalker: unexpected failure, please report it.\n${(error as Error).stack ?? String(error)}\n`,
        );
        return EXIT.failure;
    }
}
