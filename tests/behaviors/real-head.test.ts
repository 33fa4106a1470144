import { afterAll, beforeAll, expect, it } from 'vitest';
import { LifelikeBehavior } from '../../plugin/behaviors/index.js';
import { CreateTalkingHeadAsync } from '../../plugin/index.js';
import { tryBabylon, type NodeEngineAttempt } from '../helpers/babylon-node.js';
import { lookAt } from '../helpers/look-at.js';
import { makeHead } from '../helpers/make-head.js';
import { stageFor, untilReadyAsync } from '../helpers/stage.js';

const SIZE = 64;

let attempt: NodeEngineAttempt = { reason: 'not started' };
beforeAll(async () => {
    attempt = await tryBabylon(SIZE, SIZE);
});
afterAll(() => {
    if ('host' in attempt) attempt.host.dispose();
});

it('poses a real head once in each frame that it changes, and hands it back as it was', async ({ skip }) => {
    if (!('host' in attempt)) return skip(attempt.reason);
    const { host } = attempt;
    const pinhole = lookAt([0, 0, 0.8], [0, 0, 0], { fx: 130, fy: 130, cx: 32, cy: 32, width: SIZE, height: SIZE });
    const scene = stageFor(host, pinhole);
    const asset = makeHead({ faceCount: 300, mouthCount: 30, seed: 5 });
    const head = await CreateTalkingHeadAsync('head', asset, scene, { levelOfDetail: false });
    await untilReadyAsync(head);
    head.expression['AU01'] = 0.3;
    const before = { ...head.expression };
    for (let k = 0; k < 2; k++) await host.renderAsync(scene);
    const still = await host.readPixelsAsync();

    let time = 0;
    const behavior = new LifelikeBehavior({ seed: 1, blinksPerMinute: 60, now: () => time });
    head.addBehavior(behavior);
    expect(head.getBehaviorByName('Lifelike')).toBe(behavior);
    let poses = 0;
    head.onPosedObservable.add(() => poses++);
    let [changes, posed, deepest] = [0, 0, 0];
    let shut: Uint8Array | undefined;
    for (let k = 0; k < 90; k++) {
        const values = JSON.stringify(head.expression);
        poses = 0;
        time += 1000 / 60;
        await host.renderAsync(scene);
        const hasChanged = JSON.stringify(head.expression) !== values;
        changes += Number(hasChanged);
        posed += poses;
        expect(poses, `frame ${k}`).toBe(Number(hasChanged));
        const closure = head.expression['AU45'] as number;
        if (closure > deepest) {
            deepest = closure;
            shut = await host.readPixelsAsync();
        }
    }
    expect(changes).toBeGreaterThan(10);
    expect(posed).toBe(changes);
    expect(deepest).toBeGreaterThan(0.9);
    expect(shut).not.toEqual(still);

    head.removeBehavior(behavior);
    expect({ ...head.expression }).toEqual(before);
    await host.renderAsync(scene);
    expect(await host.readPixelsAsync()).toEqual(still);

    head.addBehavior(behavior);
    head.dispose();
    expect(behavior.attachedNode).toBeNull();
    scene.dispose();
});
