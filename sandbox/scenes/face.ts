import { LifelikeBehavior } from '../../plugin/behaviors/index.js';
import type { TalkingHeadMesh } from '../../plugin/index.js';

/** Length of a blink on demand, ms. */
const BLINK_MS = 260;
const BLINK_UNIT = 'AU45';

/** The face beside its lips: expression by hand, a blink on demand, and a life of its own on top of both. */
export class Face {
    private head: TalkingHeadMesh | null = null;
    private life: LifelikeBehavior | null = null;
    private neutral: Readonly<Record<string, number>> = {};
    private blinkStart: number | null = null;
    private isAlive: boolean;

    /** @param isLively - whether heads live from the start. */
    public constructor(isLively: boolean) {
        this.isAlive = isLively;
    }

    /** Takes a new head, before anything has moved its face. */
    public use(head: TalkingHeadMesh): void {
        this.head = head;
        this.neutral = { ...head.expression };
        this.blinkStart = null;
        this.life = null;
        this.isLively = this.isAlive;
    }

    /** What the head's maker calls neutral. */
    public get rest(): Readonly<Record<string, number>> {
        return this.neutral;
    }

    /** Whether the head blinks and moves by itself. What is set by hand stays its base. */
    public get isLively(): boolean {
        return this.isAlive;
    }

    public set isLively(isLively: boolean) {
        this.isAlive = isLively;
        if (isLively && this.life === null && this.head !== null) {
            this.life = new LifelikeBehavior();
            this.head.addBehavior(this.life);
        }
        if (this.life !== null) this.life.enabled = isLively;
    }

    public set(name: string, value: number): void {
        if (this.head !== null) this.head.expression[name] = value;
    }

    /** Brings the neutral face back. */
    public reset(): void {
        this.blinkStart = null;
        for (const [name, value] of Object.entries(this.neutral)) this.set(name, value);
    }

    /** Blinks once. @param now - page time, ms. */
    public blink(now: number): void {
        this.blinkStart = now;
    }

    /**
     * Moves a blink on; closes the eyes faster than it opens them, as eyes do.
     *
     * @returns how far they are closed now, or null when no blink is under way.
     */
    public step(now: number): number | null {
        if (this.blinkStart === null || this.head === null) return null;
        const rest = this.neutral[BLINK_UNIT] ?? 0;
        const progress = (now - this.blinkStart) / BLINK_MS;
        const closed = progress < 0.35 ? progress / 0.35 : 1 - (progress - 0.35) / 0.65;
        const value = progress >= 1 ? rest : rest + (1 - rest) * Math.max(0, closed) ** 0.8;
        if (progress >= 1) this.blinkStart = null;
        this.set(BLINK_UNIT, value);
        return value;
    }
}
