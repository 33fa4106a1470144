import { resolve } from 'node:path';
import { openPageAsync, type BrowserPage } from '../helpers/chromium.js';
import type {} from './page/host-scenes.js';
import type {} from './page/sound-scenes.js';

/** The page of this folder, in which `hostStage` and `soundStage` play the scenes. */
export function openStageAsync(): Promise<BrowserPage> {
    return openPageAsync(resolve(import.meta.dirname, 'page'), {}, { width: 64, height: 64 });
}
