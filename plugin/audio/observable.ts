/**
 * The part of Babylon's `Observable` that this folder uses; it must not import Babylon. A voice made by the plugin
 * carries real Babylon observables, see `VoiceOptions.createObservable`.
 */
export interface ObservableLike<T> {
    add(callback: (value: T) => void): unknown;
    addOnce(callback: (value: T) => void): unknown;
    remove(observer: unknown): boolean;
    notifyObservers(value: T): boolean;
    clear(): void;
}

/** A plain observable for use without Babylon. Observers are told in the order in which they came. */
export class SimpleObservable<T> implements ObservableLike<T> {
    private observers: { readonly callback: (value: T) => void; readonly isOnce: boolean }[] = [];

    /** @returns a token for {@link remove}. */
    public add(callback: (value: T) => void): unknown {
        return this.append(callback, false);
    }

    public addOnce(callback: (value: T) => void): unknown {
        return this.append(callback, true);
    }

    /** @returns whether the observer was there. */
    public remove(observer: unknown): boolean {
        const before = this.observers.length;
        this.observers = this.observers.filter((candidate) => candidate !== observer);
        return this.observers.length < before;
    }

    /** @returns true, as Babylon's does when no observer stops the event. */
    public notifyObservers(value: T): boolean {
        // A copy: an observer may add or remove others.
        for (const observer of [...this.observers]) {
            if (observer.isOnce) this.remove(observer);
            observer.callback(value);
        }
        return true;
    }

    public clear(): void {
        this.observers = [];
    }

    private append(callback: (value: T) => void, isOnce: boolean): unknown {
        const observer = { callback, isOnce };
        this.observers.push(observer);
        return observer;
    }
}
