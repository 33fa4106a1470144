export { BabylonSoundHost, type OutputConnection, type SoundHostOptions } from './sound-host.js';
