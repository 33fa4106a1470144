import { appendFileSync, existsSync, readFileSync } from 'node:fs';

/** One line of a run's `log.jsonl`. */
export interface LogEntry {
    readonly iteration: number;
    readonly stage: string;
    readonly lossFace: number;
    readonly lossMouth: number;
    readonly l1: number;
    readonly dssim: number;
    readonly splatsFace: number;
    readonly splatsMouth: number;
    /** Seconds per iteration. */
    readonly step: number;
}

/** Appends one line. */
export function appendLog(path: string, entry: LogEntry): void {
    appendFileSync(path, `${JSON.stringify(entry)}\n`);
}

/** The log by rising iteration; a stretch that was trained again after a resume counts as last written. Cut lines are skipped. */
export function readLog(path: string): LogEntry[] {
    if (!existsSync(path)) return [];
    const byIteration = new Map<number, LogEntry>();
    for (const line of readFileSync(path, 'utf8').split('\n')) {
        if (line === '') continue;
        try {
            const entry = JSON.parse(line) as LogEntry;
            byIteration.set(entry.iteration, entry);
        } catch {
            // A power cut can leave half a line at the end.
        }
    }
    return [...byIteration.values()].sort((a, b) => a.iteration - b.iteration);
}
