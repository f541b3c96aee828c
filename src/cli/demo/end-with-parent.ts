/** Preloaded (`node --import`) into the demo's service, which stays the ordinary one and still never outlives the demo. */
import { endWithParent } from '../node-process.js';

endWithParent();
