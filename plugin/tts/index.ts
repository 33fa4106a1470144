export { elevenLabsSpeech, type ElevenLabsSpeechOptions } from './elevenlabs-speech.js';
export { type HttpOptions } from './http-bytes.js';
export { openAiSpeech, type OpenAiSpeechOptions } from './openai-speech.js';
export { urlSpeech, type UrlSpeechOptions } from './url-speech.js';
