import { AnalysisHost } from './analysis-host.js';
import type { AnalysisPort } from './messages.js';

// The entry of the worker: its purpose is its effect.
new AnalysisHost(globalThis as unknown as AnalysisPort);
