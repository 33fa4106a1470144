/** What an adapter tells about itself. */
export type AdapterFacts = Pick<GPUAdapterInfo, 'vendor' | 'architecture' | 'device' | 'description'> & {
    readonly isFallbackAdapter?: boolean;
};

/** Names of software adapters where they do not say so themselves. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|software|basic render/i;

/** One line that names an adapter. */
export function describeAdapter({ vendor, architecture, device, description }: AdapterFacts): string {
    return [vendor, architecture, device, description].filter((part) => part !== '').join(' ') || 'unnamed adapter';
}

/** Whether an adapter is the CPU. */
export function isSoftwareAdapter(facts: AdapterFacts): boolean {
    return (facts.isFallbackAdapter ?? false) || SOFTWARE.test(describeAdapter(facts));
}
