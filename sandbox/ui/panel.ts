import { heatColour } from '../../plugin/index.js';
import { byId } from './dom.js';

/** Words for the action units of the Facial Action Coding System that heads commonly have. */
const ACTION_UNITS: Readonly<Record<string, string>> = {
    AU01: 'Brows up',
    AU02: 'Outer brows up',
    AU04: 'Brows together',
    AU05: 'Eyes wide',
    AU06: 'Cheeks up',
    AU07: 'Lids tight',
    AU09: 'Nose wrinkled',
    AU12: 'Smile',
    AU45: 'Blink',
};

/** What the panel's controls do. */
export interface PanelHandlers {
    readonly onExpression: (name: string, value: number) => void;
    readonly onNeutral: () => void;
    readonly onBlink: () => void;
    readonly onLively: (isOn: boolean) => void;
    readonly onRoaming: (isOn: boolean) => void;
    readonly onHull: (isOn: boolean) => void;
    readonly onTiles: (isOn: boolean) => void;
    readonly onDetail: (isOn: boolean) => void;
    readonly onHeat: (isOn: boolean) => void;
    readonly onResetView: () => void;
    /** The panel opened or closed, so the free part of the picture changed. */
    readonly onLayout: () => void;
}

/** Sliders for the face, switches for the view. */
export class Panel {
    private readonly sliders = byId('sliders', HTMLDivElement);
    private readonly blink = byId('blink', HTMLButtonElement);
    private readonly neutral = byId('neutral', HTMLButtonElement);
    private readonly toggle = byId('panel-toggle', HTMLButtonElement);
    private readonly lively = byId('lively', HTMLInputElement);
    private readonly tiles = byId('tiles', HTMLInputElement);
    private readonly detail = byId('detail', HTMLInputElement);
    private readonly heat = byId('heat', HTMLInputElement);
    private readonly legend = byId('heat-legend', HTMLDivElement);
    private readonly inputs = new Map<string, HTMLInputElement>();
    private readonly handlers: PanelHandlers;

    public constructor(handlers: PanelHandlers) {
        this.handlers = handlers;
        const roaming = byId('roaming', HTMLInputElement);
        const hull = byId('hull', HTMLInputElement);
        this.tiles.addEventListener('change', () => handlers.onTiles(this.tiles.checked));
        this.detail.addEventListener('change', () => handlers.onDetail(this.detail.checked));
        this.heat.addEventListener('change', () => handlers.onHeat(this.heat.checked));
        this.legend.append(...createLegend());
        roaming.checked = false;
        hull.checked = false;
        roaming.addEventListener('change', () => handlers.onRoaming(roaming.checked));
        hull.addEventListener('change', () => handlers.onHull(hull.checked));
        this.lively.addEventListener('change', () => handlers.onLively(this.lively.checked));
        this.blink.addEventListener('click', handlers.onBlink);
        this.neutral.addEventListener('click', handlers.onNeutral);
        byId('reset-view', HTMLButtonElement).addEventListener('click', handlers.onResetView);
        this.toggle.addEventListener('click', () => this.setOpen(!this.isOpen));
        document.addEventListener('keydown', (event) => {
            if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
            const key = event.key.toLowerCase();
            if (key === 'b' && !this.blink.disabled) handlers.onBlink();
            if (key === 'c') this.setOpen(!this.isOpen);
        });
        this.setOpen(!this.isNarrow);
    }

    /** Shows whether the head lives by itself; in a page that stands still it cannot. */
    public showLively(isOn: boolean, isEnabled: boolean): void {
        this.lively.checked = isOn;
        this.lively.disabled = !isEnabled;
    }

    /** Shows whether the compute rasterizer is asked for. */
    public showTiles(isOn: boolean): void {
        this.tiles.checked = isOn;
    }

    /** Shows whether level of detail and the heat map are on; the legend of the map is there only while it is. */
    public showPixelUse(hasDetail: boolean, hasHeat: boolean): void {
        this.detail.checked = hasDetail;
        // The map shows every splat.
        this.detail.disabled = hasHeat;
        this.heat.checked = hasHeat;
        this.legend.hidden = !hasHeat;
    }

    /** Whether the panel lies across the picture, as on a telephone, instead of beside it; style/panel.css says the same. */
    public get isNarrow(): boolean {
        return matchMedia('(max-width: 760px)').matches;
    }

    public get isOpen(): boolean {
        return document.documentElement.dataset['panel'] !== 'closed';
    }

    public setOpen(isOpen: boolean): void {
        document.documentElement.dataset['panel'] = isOpen ? 'open' : 'closed';
        this.toggle.setAttribute('aria-expanded', String(isOpen));
        this.handlers.onLayout();
    }

    /** One slider for each expression value of the head. */
    public setExpressions(names: readonly string[], values: Readonly<Record<string, number>>): void {
        this.inputs.clear();
        this.sliders.replaceChildren(...names.map((name) => this.createSlider(name, values[name] ?? 0)));
        if (names.length === 0) this.sliders.textContent = 'This head has no expression values.';
        this.blink.disabled = !names.includes('AU45');
        this.neutral.disabled = names.length === 0;
    }

    /** Moves a slider without telling the head. */
    public showExpression(name: string, value: number): void {
        const input = this.inputs.get(name);
        if (input === undefined) return;
        input.value = String(value);
        paint(input);
    }

    private createSlider(name: string, value: number): HTMLElement {
        const row = document.createElement('label');
        row.className = 'slider';
        const title = document.createElement('span');
        title.textContent = ACTION_UNITS[name] ?? name;
        if (ACTION_UNITS[name] !== undefined) {
            const code = document.createElement('small');
            code.textContent = name;
            title.append(code);
        }
        const output = document.createElement('output');
        const input = document.createElement('input');
        Object.assign(input, { type: 'range', min: '0', max: '1', step: '0.01', value: String(value), name });
        input.addEventListener('input', () => {
            paint(input);
            this.handlers.onExpression(name, input.valueAsNumber);
        });
        row.append(title, output, input);
        this.inputs.set(name, input);
        paint(input);
        return row;
    }
}

/** Whether keys are letters there. */
function isTyping(target: EventTarget | null): boolean {
    return target instanceof HTMLInputElement && target.type === 'text';
}

/** Pixel counts that the legend names. */
const LEGEND_COUNTS = [0, 1, 10, 100, 1000] as const;

/** A bar of the heat map's colours, as it blends them, over its numbers. */
function createLegend(): HTMLElement[] {
    const title = document.createElement('p');
    title.textContent = 'Pixels that a splat reaches';
    const bar = document.createElement('div');
    bar.className = 'legend-bar';
    const colours = LEGEND_COUNTS.map(
        (count) =>
            `rgb(${heatColour(count)
                .map((value) => 255 * value)
                .join(' ')})`,
    );
    bar.style.background = `linear-gradient(90deg, ${colours.join(', ')})`;
    const numbers = document.createElement('ol');
    numbers.append(
        ...LEGEND_COUNTS.map((count) => {
            const item = document.createElement('li');
            item.textContent = count === 1000 ? '1000+' : String(count);
            return item;
        }),
    );
    return [title, bar, numbers];
}

/** The number beside a slider and the filled part of its track. */
function paint(input: HTMLInputElement): void {
    input.style.setProperty('--fill', `${100 * input.valueAsNumber}%`);
    const output = input.parentElement?.querySelector('output');
    if (output) output.textContent = input.valueAsNumber.toFixed(2);
}
