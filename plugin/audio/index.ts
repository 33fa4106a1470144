export { AudioClock, type ClockContext, type ClockSource } from './audio-clock.js';
export { TsEncoder, type AudioEncoder } from './encoder.js';
export {
    ENCODER_LAYERS,
    assertEncoderWeights,
    encoderTensors,
    encoderWeightsFrom,
    initEncoderWeights,
    type EncoderLayer,
    type EncoderWeights,
} from './encoder-weights.js';
export { FeatureTimeline } from './feature-timeline.js';
export {
    DEFAULT_FRONT_END,
    FEATURE_FPS,
    FRAME_LENGTH,
    HOP,
    LOG_FLOOR,
    PRIOR_SECONDS,
    assertFrontEnd,
} from './front-end.js';
export { speechGain } from './level.js';
export { GLIDE_SECONDS, LipGlide } from './lip-rest.js';
export { restFeature } from './rest-feature.js';
export { LogMelStream, melBank, melFrameCount, type MelFilter } from './log-mel.js';
export { CausalNormaliser, estimatePrior, isVoiced, silenceRow, type Normalisation } from './normaliser.js';
export { SimpleObservable, type ObservableLike } from './observable.js';
export { writeEncoderOnnx } from './onnx-write.js';
export { Resampler, resample } from './resampler.js';
export type { ContextSource } from './voice/sound-output.js';
export { analyseClip, type AnalyseOptions } from './speech-analyser.js';
export {
    computeLogMel,
    computeSpeechFeatures,
    estimateFrontEnd,
    type LogMel,
    type SpeechFeatures,
} from './speech-features.js';
export type { PlayOptions, VoiceLatency } from './voice/speaker.js';
export { Voice, type EngineSound, type VoiceOptions } from './voice/voice.js';
export type { SpokenSegment } from './voice/lips.js';
export type { VoiceEnd } from './voice/voice-events.js';
export type { VoiceMetrics } from './voice/voice-metrics.js';
export { decodeWav, encodeWav, type WavClip } from './wav.js';
export { WINDOW_SIZE, windowOf } from './windows.js';
export type { GameSound, KnownSound, OutputConnection, RoutedSound, SoundHost } from './voice/sound-host.js';
export type { SpeechChunk, SpeechRequest, SpeechSource, SpokenWord } from './voice/speech-source.js';
export { loadOrtEncoderAsync } from './load-ort.js';
