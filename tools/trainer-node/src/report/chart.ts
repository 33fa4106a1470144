/** A curve of a chart. */
export interface Curve {
    readonly name: string;
    readonly color: string;
    readonly points: readonly (readonly [number, number])[];
}

const WIDTH = 640;
const HEIGHT = 220;
const MARGIN = { left: 56, right: 12, top: 12, bottom: 28 };
/** More points than this are thinned: the picture has no more columns. */
const MAX_POINTS = 400;

/** Curves over one axis as an inline SVG; `isLog` for losses. */
export function chart(title: string, curves: readonly Curve[], isLog: boolean): string {
    const all = curves.flatMap((curve) => curve.points).filter(([, y]) => Number.isFinite(y) && (!isLog || y > 0));
    if (all.length === 0) return '';
    const scale = (y: number): number => (isLog ? Math.log10(y) : y);
    const [x0, x1] = extent(all.map(([x]) => x));
    const [y0, y1] = extent(all.map(([, y]) => scale(y)));
    const px = (x: number): number => MARGIN.left + ((x - x0) / (x1 - x0)) * (WIDTH - MARGIN.left - MARGIN.right);
    const py = (y: number): number =>
        HEIGHT - MARGIN.bottom - ((scale(y) - y0) / (y1 - y0)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
    const paths = curves.map(({ color, points }) => {
        const step = Math.ceil(points.length / MAX_POINTS);
        const shown = points.filter(([, y], i) => i % step === 0 && Number.isFinite(y) && (!isLog || y > 0));
        return `<polyline fill="none" stroke="${color}" stroke-width="1.5" points="${shown.map(([x, y]) => `${px(x).toFixed(1)},${py(y).toFixed(1)}`).join(' ')}"/>`;
    });
    const ticks = [0, 0.5, 1].map((share) => {
        const y = y0 + share * (y1 - y0);
        const at = HEIGHT - MARGIN.bottom - share * (HEIGHT - MARGIN.top - MARGIN.bottom);
        return `<text x="${MARGIN.left - 6}" y="${at + 4}" text-anchor="end">${(isLog ? 10 ** y : y).toPrecision(3)}</text><line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${at}" y2="${at}" class="grid"/>`;
    });
    const legend = curves.map(({ name, color }) => `<span style="color:${color}">${name}</span>`).join(' ');
    return (
        `<figure><figcaption>${title} ${legend}</figcaption><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}">` +
        `${ticks.join('')}${paths.join('')}<text x="${MARGIN.left}" y="${HEIGHT - 8}">${x0}</text>` +
        `<text x="${WIDTH - MARGIN.right}" y="${HEIGHT - 8}" text-anchor="end">${x1}</text></svg></figure>`
    );
}

/** Least and greatest, never equal. */
function extent(values: readonly number[]): [number, number] {
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    for (const value of values) {
        low = Math.min(low, value);
        high = Math.max(high, value);
    }
    return low === high ? [low - 0.5, high + 0.5] : [low, high];
}
