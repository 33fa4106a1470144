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
export { DEFAULT_FRONT_END, FRAME_LENGTH, HOP, LOG_FLOOR, PRIOR_SECONDS, assertFrontEnd } from './front-end.js';
export { speechGain } from './level.js';
export { GLIDE_SECONDS, LipGlide, restFeature } from './lip-rest.js';
export { LogMelStream, melBank, melFrameCount, type MelFilter } from './log-mel.js';
export { CausalNormaliser, estimatePrior, isVoiced, silenceRow, type Normalisation } from './normaliser.js';
export { SimpleObservable, type ObservableLike } from './observable.js';
export { writeEncoderOnnx } from './onnx-write.js';
export { FEATURE_RATE, Resampler, resample } from './resampler.js';
export type { ContextSource } from './sound-output.js';
export { FEATURE_FPS, analyseClip, type AnalyseOptions } from './speech-analyser.js';
export {
    computeLogMel,
    computeSpeechFeatures,
    estimateFrontEnd,
    type LogMel,
    type SpeechFeatures,
} from './speech-features.js';
export {
    Voice,
    type PlayOptions,
    type VoiceEnd,
    type SpokenSegment,
    type VoiceMetrics,
    type VoiceOptions,
} from './voice.js';
export { decodeWav, encodeWav, type WavClip } from './wav.js';
export { WINDOW_SIZE, windowOf } from './windows.js';
export type { GameSound, KnownSound, RoutedSound, SoundHost } from './voice/sound-host.js';
export type { SpeechChunk, SpeechRequest, SpeechSource, SpokenWord } from './voice/speech-source.js';
