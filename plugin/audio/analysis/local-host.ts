import { AnalysisHost } from './analysis-host.js';
import { SpeechAnalysis } from './speech-analysis.js';

/** The analysis in the page itself, in slices of some milliseconds: where no worker may be made, and in Node. */
export function startLocalAnalysis(): SpeechAnalysis {
    const { port1, port2 } = new MessageChannel();
    new AnalysisHost(port2);
    return new SpeechAnalysis(port1, 'page', () => port1.close());
}
