import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** What a program of `native/tests` measured: one JSON object a line. Fails with what it wrote to stderr where it does not end well. */
export async function linesOf<Line>(program: string): Promise<Line[]> {
    // Below the 120 s that a hook has, so that the program's own end is what is told.
    const { stdout } = await promisify(execFile)(program, { timeout: 110_000 });
    return stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Line);
}

/** The report of a case; a missing one fails with those that came. */
export function reportOf<Report>(reports: ReadonlyMap<string, Report>, name: string): Report {
    const found = reports.get(name);
    if (found === undefined) throw new Error(`${name}: expected a report, got ${[...reports.keys()].join('; ')}`);
    return found;
}
