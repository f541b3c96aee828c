import { SoloLeases } from '../../../src/platform/leases/solo-leases.js';
import { describeLeases } from './leases.conformance.js';

describeLeases('of a process that is alone', () =>
  Promise.resolve({ instances: [new SoloLeases()], dispose: () => Promise.resolve() }),
);
