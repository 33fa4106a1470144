export { registerTalkingHead, unregisterTalkingHead } from './register-talking-head.js';
