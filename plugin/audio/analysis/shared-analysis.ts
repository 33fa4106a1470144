import { PgsError } from '../../core/index.js';
import { SpeechAnalysis } from './speech-analysis.js';

/** What a voice holds of the shared analysis. */
export interface AnalysisLease {
    readonly analysis: SpeechAnalysis;
    /** Why it runs in the page rather than in a worker; null where it does not. */
    readonly warning: string | null;
    release(): void;
}

interface Running {
    readonly analysis: SpeechAnalysis;
    readonly warning: string | null;
}

/** An analysis with those that use it, or wait for it. */
interface Shared {
    readonly starting: Promise<Running>;
    users: number;
}

/** The one analysis of a page, for all voices: begun by the first that needs it, ended with the last. */
export class SharedAnalysis {
    static #shared: Shared | undefined;

    /**
     * @param workerUrl - address of `analysis-worker.js`, for pages whose policy forbids workers made from text.
     * @throws where not even the page can analyse; the next try begins anew.
     */
    public static async acquireAsync(workerUrl?: string | URL): Promise<AnalysisLease> {
        const shared = (SharedAnalysis.#shared ??= { starting: startAsync(workerUrl), users: 0 });
        // Counted before anything is awaited: the last user may leave meanwhile.
        shared.users++;
        const running = await shared.starting.catch((error: unknown) => {
            SharedAnalysis.#forget(shared);
            throw error;
        });
        let isHeld = true;
        const release = (): void => {
            if (!isHeld) return;
            isHeld = false;
            if (--shared.users > 0) return;
            SharedAnalysis.#forget(shared);
            running.analysis.dispose();
        };
        if (!running.analysis.isBroken) return { ...running, release };
        // Its voices have failed; they end it when they go.
        SharedAnalysis.#forget(shared);
        release();
        return SharedAnalysis.acquireAsync(workerUrl);
    }

    static #forget(shared: Shared): void {
        if (SharedAnalysis.#shared === shared) SharedAnalysis.#shared = undefined;
    }
}

async function startAsync(workerUrl: string | URL | undefined): Promise<Running> {
    if (typeof Worker === 'undefined') return { analysis: await startInPageAsync(), warning: null };
    try {
        return { analysis: await startWorkerAsync(workerUrl), warning: null };
    } catch (error) {
        const warning =
            `audio analysis: expected a worker, got "${(error as Error).message}". Speech is analysed in the page and costs it time. ` +
            'Where a content security policy forbids "worker-src blob:", pass the address of analysis-worker.js as workerUrl.';
        return { analysis: await startInPageAsync(), warning };
    }
}

async function startInPageAsync(): Promise<SpeechAnalysis> {
    const { startLocalAnalysis } = await import('./local-host.js');
    return startLocalAnalysis();
}

async function startWorkerAsync(url: string | URL | undefined): Promise<SpeechAnalysis> {
    const worker =
        url === undefined ? await inlineWorkerAsync() : new Worker(url, { name: WORKER_NAME, type: 'module' });
    const analysis = new SpeechAnalysis(worker, 'worker', () => worker.terminate());
    try {
        await answerOf(worker);
    } catch (error) {
        worker.terminate();
        throw error;
    }
    worker.onerror = (event) =>
        analysis.fail(
            new PgsError(
                'AUDIO_UNAVAILABLE',
                `audio analysis: expected a running worker, got "${event.message}". Load the head again.`,
            ),
        );
    return analysis;
}

/** A worker that cannot be loaded says so with an event, and one that runs answers; what does neither is no worker of ours. */
async function answerOf(worker: Worker): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const answer = new Promise<void>((resolve, reject) => {
        worker.onerror = (event) => reject(new Error(event.message || 'the worker could not be loaded'));
        worker.addEventListener('message', () => resolve(), { once: true });
        timer = setTimeout(() => reject(new Error(`no answer in ${ANSWER_MS} ms`)), ANSWER_MS);
        worker.postMessage({ type: 'hello' });
    });
    await answer.finally(() => clearTimeout(timer));
}

async function inlineWorkerAsync(): Promise<Worker> {
    const { default: InlineWorker } = await import('./analysis-worker.ts?worker&inline');
    return new InlineWorker({ name: WORKER_NAME });
}

/** A busy machine takes seconds to start a worker. */
const ANSWER_MS = 15_000;
const WORKER_NAME = 'pgstalker audio analysis';
