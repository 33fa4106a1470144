export { LifelikeBehavior, type LifelikeOptions } from './lifelike-behavior.js';
export { type MatchMedia, type MotionQuery } from './reduced-motion.js';
export { type SpeechEnergy } from './speech-activity.js';
