import type { WebGPUEngine } from '@babylonjs/core/Engines/webgpuEngine.js';
import type { RasterizerChoice } from '../plugin/index.js';
import type { SandboxOptions } from './options.js';
import { freezeAsync } from './scenes/freeze.js';
import { HeadInRoom } from './scenes/head-in-room.js';
import { byId } from './ui/dom.js';
import { listenForFiles } from './ui/files.js';
import { Meters } from './ui/meters.js';
import { Panel } from './ui/panel.js';
import type { States } from './ui/states.js';
import { Transport } from './ui/transport.js';

/** Length of a blink, ms. */
const BLINK_MS = 260;
/** Frames drawn after the last change before a picture counts as finished (the sort and the shadow map follow one later). */
const SETTLE_FRAMES = 4;

/** The sandbox: one scene, its controls, and the loop that keeps them in step. */
export class App {
    private readonly scene: HeadInRoom;
    private readonly panel: Panel;
    private readonly transport: Transport;
    private readonly meters = new Meters();
    private sound: AudioBuffer | null = null;
    private avatarName = '';
    private blinkStart: number | null = null;
    private rasterizer: RasterizerChoice;
    private hasDetail: boolean;
    private hasHeat: boolean;
    private neutral: Readonly<Record<string, number>> = {};
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
        this.transport = new Transport(() => this.togglePlay());
        this.panel = new Panel({
            onExpression: (name, value) => this.setExpression(name, value),
            onNeutral: () => this.resetExpression(),
            onBlink: () => (this.blinkStart = performance.now()),
            onRoaming: (isOn) => this.scene.room.setRoaming(isOn),
            onHull: (isOn) => this.scene.showHull(isOn),
            onTiles: (isOn) => this.chooseRasterizer(isOn ? 'tile' : 'auto'),
            onDetail: (isOn) => this.choosePixelUse(isOn, this.hasHeat),
            onHeat: (isOn) => this.choosePixelUse(this.hasDetail, isOn),
            onResetView: () => this.scene.orbit.reset(),
            onLayout: () => this.touch(),
        });
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
        const voice = head?.voice;
        this.transport.isEnabled = !isFrozen && head !== null && this.sound !== null;
        this.transport.update({
            isPlaying: !isFrozen && (voice?.isPlaying ?? false),
            time: this.options.frozenTime ?? voice?.currentTime ?? 0,
            duration: this.sound?.duration ?? 0,
        });
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
            const bar = byId('transport', HTMLElement).getBoundingClientRect();
            if (this.panel.isNarrow) area.bottom = this.panel.isOpen ? panel.top : bar.top;
            else {
                if (this.panel.isOpen) area.right = panel.left;
                // The desk goes on below the bar; leaving all of it free would push the head to the top.
                area.bottom = (height + bar.top) / 2;
            }
        }
        this.scene.orbit.frame(area, width, height);
    }

    private togglePlay(): void {
        const voice = this.scene.head?.voice;
        if (voice === undefined || this.sound === null) return;
        if (voice.isPlaying) voice.stop();
        else {
            Promise.resolve(voice.play(this.sound)).catch((error: unknown) =>
                this.states.showError('This sound cannot be spoken', error, ''),
            );
        }
        this.touch();
    }

    private async openSoundAsync(name: string, read: () => Promise<ArrayBuffer>): Promise<void> {
        try {
            const bytes = await read();
            // An offline context decodes without asking for a click first, at the rate most outputs have.
            const sound = await new OfflineAudioContext(1, 1, 48000).decodeAudioData(bytes);
            this.scene.head?.voice.stop();
            this.sound = sound;
            this.transport.setClip(name, sound);
            this.touch();
        } catch (error) {
            if (this.sound === null) this.transport.setClip('Drop a sound here', null);
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
            this.neutral = { ...head.expression };
            this.panel.setExpressions(head.expressionNames, this.neutral);
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
        const { head } = this.scene;
        if (head !== null) head.expression[name] = value;
        this.touch();
    }

    private resetExpression(): void {
        const { head } = this.scene;
        if (head === null) return;
        this.blinkStart = null;
        for (const name of head.expressionNames) {
            head.expression[name] = this.neutral[name] ?? 0;
            this.panel.showExpression(name, this.neutral[name] ?? 0);
        }
        this.touch();
    }

    /** Closes the eyes faster than it opens them, as eyes do. */
    private stepBlink(now: number): void {
        const { head } = this.scene;
        if (this.blinkStart === null || head === null) return;
        const rest = this.neutral['AU45'] ?? 0;
        const progress = (now - this.blinkStart) / BLINK_MS;
        const closed = progress < 0.35 ? progress / 0.35 : 1 - (progress - 0.35) / 0.65;
        const value = progress >= 1 ? rest : rest + (1 - rest) * Math.max(0, closed) ** 0.8;
        if (progress >= 1) this.blinkStart = null;
        head.expression['AU45'] = value;
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
