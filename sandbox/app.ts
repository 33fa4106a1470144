import type { WebGPUEngine } from '@babylonjs/core/Engines/webgpuEngine.js';
import type { RasterizerChoice } from '../plugin/index.js';
import type { SandboxOptions } from './options.js';
import { Face } from './scenes/face.js';
import { freezeAsync } from './scenes/freeze.js';
import { HeadInRoom } from './scenes/head-in-room.js';
import { byId } from './ui/dom.js';
import { listenForFiles } from './ui/files.js';
import { Meters } from './ui/meters.js';
import { Panel } from './ui/panel.js';
import { SpeechDock } from './ui/speech-dock.js';
import type { States } from './ui/states.js';

/** Frames drawn after the last change before a picture counts as finished (the sort and the shadow map follow one later). */
const SETTLE_FRAMES = 4;

/** The sandbox: one scene, its controls, and the loop that keeps them in step. */
export class App {
    private readonly scene: HeadInRoom;
    private readonly panel: Panel;
    private readonly dock: SpeechDock;
    private readonly face: Face;
    private readonly meters = new Meters();
    private sound: AudioBuffer | null = null;
    private avatarName = '';
    private rasterizer: RasterizerChoice;
    private hasDetail: boolean;
    private hasHeat: boolean;
    private isStarted = false;
    private framesLeft = SETTLE_FRAMES;

    public constructor(
        private readonly engine: WebGPUEngine,
        private readonly canvas: HTMLCanvasElement,
        private readonly options: SandboxOptions,
        private readonly states: States,
    ) {
        this.rasterizer = options.rasterizer;
        this.hasDetail = options.hasDetail;
        this.hasHeat = options.hasHeat;
        this.scene = new HeadInRoom(engine, canvas, options);
        this.face = new Face(options.isLively);
        this.dock = new SpeechDock(options.frozenTime, (title, error, hint) => states.showError(title, error, hint));
        this.panel = new Panel({
            onExpression: (name, value) => this.setExpression(name, value),
            onNeutral: () => this.resetExpression(),
            onBlink: () => this.face.blink(performance.now()),
            onLively: (isOn) => (this.face.isLively = isOn),
            onRoaming: (isOn) => this.scene.room.setRoaming(isOn),
            onHull: (isOn) => this.scene.showHull(isOn),
            onTiles: (isOn) => this.chooseRasterizer(isOn ? 'tile' : 'auto'),
            onDetail: (isOn) => this.choosePixelUse(isOn, this.hasHeat),
            onHeat: (isOn) => this.choosePixelUse(this.hasDetail, isOn),
            onResetView: () => this.scene.orbit.reset(),
            onLayout: () => this.touch(),
        });
        this.panel.showLively(options.isLively, options.frozenTime === null);
        listenForFiles({
            onAudio: (file) => void this.openSoundAsync(file.name, () => file.arrayBuffer()),
            onAvatar: (file) => void this.openAvatarAsync(file.name, file),
            onUnknown: (file) =>
                states.showError(
                    'Not a sound and not a head',
                    new Error(`${file.name}: expected a sound (wav, mp3, ogg, flac, m4a) or a head (.glb).`),
                    '',
                ),
        });
        for (const type of ['pointerdown', 'pointermove', 'wheel', 'keydown', 'change', 'click']) {
            addEventListener(type, () => this.touch(), { passive: true });
        }
        new ResizeObserver(() => {
            engine.resize();
            this.touch();
        }).observe(canvas);
        engine.onContextLostObservable.add(() => states.showLoading('The graphics device was lost; starting it again'));
        engine.onContextRestoredObservable.add(() => states.hideLoading());
    }

    /** Draws the room, then brings in the first head and the first sound. */
    public async startAsync(): Promise<void> {
        this.engine.runRenderLoop(() => this.frame());
        const sound = this.openSoundAsync(nameOf(this.options.audio), () => fetchBytes(this.options.audio));
        await this.openAvatarAsync(nameOf(this.options.avatar), this.options.avatar);
        await sound;
        await this.standStillAsync();
    }

    /** Something changed, so the picture is not finished. */
    private touch(): void {
        this.framesLeft = SETTLE_FRAMES;
        document.documentElement.dataset['ready'] = 'false';
    }

    private frame(): void {
        const isFrozen = this.options.frozenTime !== null;
        if (isFrozen && this.framesLeft <= 0) return;
        const now = performance.now();
        this.stepBlink(now);
        this.layOut();
        this.scene.room.update(isFrozen ? 0 : now / 1000);
        this.scene.scene.render();

        const head = this.scene.head;
        this.dock.update();
        this.meters.update(now, () => ({
            fps: this.engine.getFps(),
            gpuFrameMs: this.gpuFrameMs(),
            gpuHeadMs: head?.gpuTimeMs ?? null,
            drawnSplats: head?.drawnSplatCount ?? null,
            splats: head?.splatCount ?? null,
            rasterizer: head?.rendererInfo.rasterizer ?? '',
            rasterizerReason: head?.rendererInfo.reason ?? '',
            avatar: this.avatarName,
        }));
        if (head === null || !head.isReady(true) || !this.scene.scene.isReady()) return;
        this.framesLeft--;
        if (this.framesLeft <= 0 && this.isStarted) document.documentElement.dataset['ready'] = 'true';
    }

    private gpuFrameMs(): number | null {
        if (!this.engine.enabledExtensions.includes('timestamp-query')) return null;
        return (this.engine.getGPUFrameTimeCounter()?.lastSecAverage ?? 0) * 1e-6;
    }

    /** Keeps the head in the middle of what the controls leave free. */
    private layOut(): void {
        const { clientWidth: width, clientHeight: height } = this.canvas;
        if (width === 0 || height === 0) return;
        const area = { left: 0, right: width, top: 0, bottom: height };
        if (this.options.hasUi) {
            const panel = byId('panel', HTMLElement).getBoundingClientRect();
            const bar = byId('dock', HTMLElement).getBoundingClientRect();
            if (this.panel.isNarrow) area.bottom = this.panel.isOpen ? panel.top : bar.top;
            else {
                if (this.panel.isOpen) area.right = panel.left;
                // The desk goes on below the bar; leaving all of it free would push the head to the top and show the desk's end.
                area.bottom = height - 0.4 * (height - bar.top);
            }
        }
        this.scene.orbit.frame(area, width, height);
    }

    private async openSoundAsync(name: string, read: () => Promise<ArrayBuffer>): Promise<void> {
        try {
            const bytes = await read();
            // An offline context decodes without asking for a click first, at the rate most outputs have.
            const sound = await new OfflineAudioContext(1, 1, 48000).decodeAudioData(bytes);
            this.sound = sound;
            this.dock.setClip(name, sound);
            this.touch();
        } catch (error) {
            if (this.sound === null) this.dock.setClip('Drop a sound here', null);
            this.states.showError(
                'This sound could not be read',
                new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`),
                'Browsers read wav and mp3 everywhere, ogg, flac and m4a in most places.',
            );
        }
    }

    private async openAvatarAsync(name: string, source: string | File): Promise<void> {
        this.states.showLoading(`Fetching ${name}`);
        try {
            if (typeof source === 'string') assertFile(source, await fetch(source, { method: 'HEAD' }));
            const head = await this.scene.loadAsync(source, (fraction) =>
                this.states.showLoading(
                    fraction === 1 ? `Preparing ${name}` : `Fetching ${name}`,
                    fraction === 1 ? null : fraction,
                ),
            );
            this.avatarName = name.replace(/\.glb$/i, '');
            this.face.use(head);
            this.dock.use(head.voice);
            // For whoever opens the browser's console to try things.
            Object.assign(globalThis, { head });
            this.panel.setExpressions(head.expressionNames, this.face.rest);
            this.chooseRasterizer(this.rasterizer);
            this.choosePixelUse(this.hasDetail, this.hasHeat);
            head.onWarningObservable.add((warning) => {
                console.warn(warning);
                // What the head cannot do it switches off.
                this.choosePixelUse(head.levelOfDetail, head.heatMap);
            });
            this.states.hideLoading();
            this.touch();
        } catch (error) {
            const hint =
                this.scene.head === null
                    ? 'Drop another .glb on the page, or train one: npx pgstalker train DATASET -o head.glb'
                    : 'The head that was here stays.';
            this.states.showError('This head could not be shown', error, hint);
        }
    }

    /** With `?t=`: shows one moment of the clip, and only then a finished picture. */
    private async standStillAsync(): Promise<void> {
        const { frozenTime } = this.options;
        const { head } = this.scene;
        if (frozenTime !== null && head !== null && this.sound !== null) {
            try {
                await freezeAsync(head, this.sound, frozenTime);
            } catch (error) {
                this.states.showError('The head could not be stopped', error, '');
            }
        }
        this.isStarted = true;
        this.touch();
    }

    /** For the head that is here and those that follow. */
    private chooseRasterizer(choice: RasterizerChoice): void {
        this.rasterizer = choice;
        this.panel.showTiles(choice === 'tile');
        const { head } = this.scene;
        if (head !== null) head.rasterizer = choice;
        this.touch();
    }

    /** Level of detail and heat map, for the head that is here and those that follow. */
    private choosePixelUse(hasDetail: boolean, hasHeat: boolean): void {
        this.hasDetail = hasDetail;
        this.hasHeat = hasHeat;
        this.panel.showPixelUse(hasDetail, hasHeat);
        const { head } = this.scene;
        if (head !== null) {
            head.levelOfDetail = hasDetail;
            head.heatMap = hasHeat;
        }
        this.touch();
    }

    private setExpression(name: string, value: number): void {
        this.face.set(name, value);
        this.touch();
    }

    private resetExpression(): void {
        this.face.reset();
        for (const [name, value] of Object.entries(this.face.rest)) this.panel.showExpression(name, value);
        this.touch();
    }

    private stepBlink(now: number): void {
        const value = this.face.step(now);
        if (value === null) return;
        this.panel.showExpression('AU45', value);
        this.touch();
    }
}

async function fetchBytes(address: string): Promise<ArrayBuffer> {
    const response = await fetch(address);
    assertFile(address, response);
    return response.arrayBuffer();
}

/** Throws unless the server has the file; a development server answers with the page itself where there is none. */
function assertFile(address: string, response: Response): void {
    const isPage = response.headers.get('content-type')?.startsWith('text/html') ?? false;
    if (response.ok && !isPage) return;
    throw new Error(
        `${address}: expected a file, got ${isPage ? 'none' : `HTTP ${response.status}`}. Check the address.`,
    );
}

/** Last part of an address. */
function nameOf(address: string): string {
    return decodeURIComponent(address.split(/[?#]/)[0]?.split('/').pop() ?? address);
}
