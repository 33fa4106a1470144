import './host-scenes.js';
import './sound-scenes.js';
