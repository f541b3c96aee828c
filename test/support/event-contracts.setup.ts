/**
 * Before every spec file: each event that is encoded anywhere in this process must keep to its contract, as it is stored
 * and as it is published. A test during which one did not fails, whatever else it says.
 */
import { afterAll, afterEach } from '@jest/globals';
import { EventCodec } from '../../src/platform/event-store/event-codec.js';
import { observeEncoding, violationsSeen } from './event-contracts.js';

observeEncoding(EventCodec.prototype);

function failOnViolations(): void {
  const found = violationsSeen();
  if (found.length > 0) throw new Error(`Events that break their contracts:\n${found.join('\n')}`);
}

afterEach(failOnViolations);
afterAll(failOnViolations);
