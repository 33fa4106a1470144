export {
    AUDIO_FEAT_DIM,
    PgsError,
    decodeHead,
    type AudioFrontEnd,
    type BranchAsset,
    type BranchName,
    type Camera,
    type HeadAsset,
    type PgsErrorCode,
    type SplatSet,
    type ViewPrior,
} from './core/index.js';
export type {
    AudioEncoder,
    PlayOptions,
    SpeechChunk,
    SpeechRequest,
    SpeechSource,
    SpokenWord,
    Voice,
    VoiceEnd,
    VoiceLatency,
    VoiceMetrics,
} from './audio/index.js';
export { type ExpressionValues, type FeaturePrecision } from './deformer/index.js';
export { registerTalkingHead, unregisterTalkingHead } from './loader/index.js';
export { heatColour, setPinholeCamera } from './splat-material/index.js';
export type { TalkingHeadOptions } from './prepared-head.js';
export type { RasterizerChoice, RendererInfo } from './rasterizer-choice.js';
export { CreateTalkingHeadAsync, TalkingHeadMesh } from './talking-head.js';
