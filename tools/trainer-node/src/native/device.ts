import { PgsError } from '../../../../plugin/core/index.js';
import { describeGpu } from './ffi.js';
import { findNative, locateLibrary, locateNative, NATIVE_FILES } from './locate.js';

/** What the arithmetic of training runs on. */
export type Device = 'cpu' | 'cuda';

/** What a user may ask for: `auto` takes a GPU where there is a usable one. */
export const DEVICE_CHOICES = ['auto', 'cuda', 'cpu'] as const;
export type DeviceChoice = (typeof DEVICE_CHOICES)[number];

/** A device with the library that drives it. */
export interface ChosenDevice {
    readonly device: Device;
    readonly library: string;
    /** One line: the GPU and its versions, or why it is the CPU. */
    readonly note: string;
}

/**
 * Finds the library for a choice, and with `auto` the best device that works here.
 *
 * @param find - path of a library file that is there; of the trainer's own folders by default.
 * @throws PgsError `GPU_UNAVAILABLE` - `cuda` was asked for, and there is no GPU, no driver, or one too old; names the versions.
 * @throws PgsError `NATIVE_MISSING` - no library for it was found, or it does not load.
 */
export function chooseDevice(
    choice: DeviceChoice,
    find: (file: string) => string | undefined = (file) => findNative(file),
): ChosenDevice {
    if (choice === 'cuda') {
        const library = find(NATIVE_FILES.cuda) ?? locateLibrary(NATIVE_FILES.cuda);
        const { count, text } = describeGpu(library);
        if (count < 1) throw new PgsError('GPU_UNAVAILABLE', `--device cuda: ${text}`);
        return { device: 'cuda', library, note: text };
    }
    const cpu = (note: string): ChosenDevice => ({ device: 'cpu', library: locateNative(), note });
    if (choice === 'cpu') return cpu('CPU, as asked for');
    const library = find(NATIVE_FILES.cuda);
    if (library === undefined) return cpu(`CPU, as there is no ${NATIVE_FILES.cuda}: it is built where nvcc is`);
    const { count, text } = describeGpu(library);
    return count < 1 ? cpu(`CPU. ${text}`) : { device: 'cuda', library, note: text };
}
