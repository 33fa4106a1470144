import { byId } from './dom.js';

/** What to do with a chosen file. */
export interface FileHandlers {
    readonly onAudio: (file: File) => void;
    readonly onAvatar: (file: File) => void;
    readonly onUnknown: (file: File) => void;
}

/** Two buttons, and the whole page as a place to drop a sound or a head. */
export function listenForFiles(handlers: FileHandlers): void {
    pick('pick-audio', 'audio-file', handlers.onAudio);
    pick('pick-avatar', 'avatar-file', handlers.onAvatar);

    const overlay = byId('drop', HTMLDivElement);
    // Enter and leave fire for every element that the pointer crosses; the page is left when they balance.
    let depth = 0;
    const carriesFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') ?? false;
    addEventListener('dragenter', (event) => {
        if (!carriesFiles(event)) return;
        event.preventDefault();
        depth++;
        overlay.hidden = false;
    });
    addEventListener('dragover', (event) => {
        if (carriesFiles(event)) event.preventDefault();
    });
    addEventListener('dragleave', () => {
        depth = Math.max(0, depth - 1);
        overlay.hidden = depth === 0;
    });
    addEventListener('drop', (event) => {
        event.preventDefault();
        depth = 0;
        overlay.hidden = true;
        for (const file of event.dataTransfer?.files ?? []) sort(file, handlers);
    });
}

function pick(buttonId: string, inputId: string, onFile: (file: File) => void): void {
    const input = byId(inputId, HTMLInputElement);
    byId(buttonId, HTMLButtonElement).addEventListener('click', () => input.click());
    input.addEventListener('change', () => {
        const file = input.files?.[0];
        if (file !== undefined) onFile(file);
        // The same file can be chosen again.
        input.value = '';
    });
}

function sort(file: File, handlers: FileHandlers): void {
    if (/\.(glb|gltf)$/i.test(file.name) || file.type === 'model/gltf-binary') handlers.onAvatar(file);
    else if (file.type.startsWith('audio/') || /\.(wav|mp3|ogg|oga|opus|flac|m4a|aac|weba)$/i.test(file.name)) {
        handlers.onAudio(file);
    } else handlers.onUnknown(file);
}
