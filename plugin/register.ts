import { registerTalkingHead } from './loader/index.js';

registerTalkingHead();
