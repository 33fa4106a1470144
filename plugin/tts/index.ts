export {
    elevenLabsSocketSpeech,
    type ElevenLabsSocketOptions,
    type SocketAuthorization,
} from './elevenlabs-socket-speech.js';
export { elevenLabsSpeech, type ElevenLabsSpeechOptions } from './elevenlabs-speech.js';
export { type FliteWasm } from './flite-module.js';
export { fliteSpeech, type FliteSpeechOptions } from './flite-speech.js';
export { type HttpOptions } from './http-bytes.js';
export { openAiSpeech, type OpenAiSpeechOptions } from './openai-speech.js';
export { type SpeechSocket, type SpeechSocketClass } from './socket-feed.js';
export { urlSpeech, type UrlSpeechOptions } from './url-speech.js';
