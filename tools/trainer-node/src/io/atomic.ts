import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { PgsError } from '../../../../plugin/core/index.js';

/** The part of the file system that a save uses; tests put a full disk here. */
export interface FileOperations {
    open(path: string, flags: string): number;
    write(handle: number, bytes: Uint8Array, offset: number, length: number): number;
    fsync(handle: number): void;
    close(handle: number): void;
    rename(from: string, to: string): void;
    remove(path: string): void;
}

/** The real file system. */
export function nodeFiles(): FileOperations {
    return {
        open: (path, flags) => openSync(path, flags),
        write: (handle, bytes, offset, length) => writeSync(handle, bytes, offset, length),
        fsync: fsyncSync,
        close: closeSync,
        rename: renameSync,
        remove: (path) => rmSync(path, { force: true }),
    };
}

/**
 * Writes a file whole or not at all: a temporary file beside it, flushed, then renamed over it. What stood there before
 * stays until the rename, so a full disk or a power cut never costs the last good copy.
 *
 * @throws PgsError `CHECKPOINT_WRITE` - with the system's reason; no temporary file is left.
 */
export function writeFileAtomic(path: string, parts: readonly Uint8Array[], files: FileOperations = nodeFiles()): void {
    const temporary = `${path}.part`;
    try {
        const handle = files.open(temporary, 'w');
        try {
            for (const part of parts) writeAll(files, handle, part);
            files.fsync(handle);
        } finally {
            files.close(handle);
        }
        files.rename(temporary, path);
    } catch (error) {
        try {
            files.remove(temporary);
        } catch {
            // The first error is the one to report.
        }
        throw new PgsError(
            'CHECKPOINT_WRITE',
            `${path}: expected to write the file, got "${(error as Error).message}". Free some space or choose another folder; the file before it is intact.`,
            { cause: error },
        );
    }
    syncFolder(dirname(path), files);
}

function writeAll(files: FileOperations, handle: number, bytes: Uint8Array): void {
    let done = 0;
    while (done < bytes.length) {
        const written = files.write(handle, bytes, done, bytes.length - done);
        if (written <= 0) throw new Error('the disk took no more bytes');
        done += written;
    }
}

/** Makes the rename itself durable. Some file systems refuse to open a folder; the data is safe then all the same. */
function syncFolder(folder: string, files: FileOperations): void {
    try {
        const handle = files.open(folder, 'r');
        try {
            files.fsync(handle);
        } finally {
            files.close(handle);
        }
    } catch {
        // Durability of the name only; nothing to undo.
    }
}
