/** Command or path of a Chromium: `PGS_CHROMIUM`, else the PATH, else Playwright's; undefined when there is none. */
export declare function findChromium(): string | undefined;
/** Whether `command --version` succeeds. */
export declare function runs(command: string): boolean;
