/** The element with this id, of this kind; the page is broken without it. */
export function byId<T extends HTMLElement>(id: string, kind: new () => T): T {
    const element = document.getElementById(id);
    if (!(element instanceof kind)) throw new Error(`index.html: expected <${kind.name} id="${id}">.`);
    return element;
}

/** Seconds as `m:ss.t`. */
export function formatTime(seconds: number): string {
    const tenths = Math.floor(Math.max(0, seconds) * 10 + 1e-6);
    const minutes = Math.floor(tenths / 600);
    const rest = ((tenths % 600) / 10).toFixed(1).padStart(4, '0');
    return `${minutes}:${rest}`;
}
