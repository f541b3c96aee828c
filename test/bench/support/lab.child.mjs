/**
 * CML and EC2 in a process of their own, so that neither side of a comparison pays for serving it. Told by IPC:
 * `{ telemetryEvents, instances, region }` at first, answered by `{ cmlUrl, ec2Url }`; then `{ use: n }` adds n things
 * that a user did just now, answered by `{}`.
 */
import { CmlServer } from '../../../dist/simulated-lab/cml-server.js';
import { Ec2Server } from '../../../dist/simulated-lab/ec2-server.js';
import { SeededRandom } from '../../../dist/simulated-lab/seeded-random.js';
import { telemetryHistory } from './telemetry.mjs';
import { instanceId, userEvent } from './worker-histories.mjs';

const random = new SeededRandom('lab');
let history = [];
let body = '[]';

async function start({ telemetryEvents, instances, region, account }) {
  history = telemetryHistory(telemetryEvents, Date.now(), random);
  body = JSON.stringify(history);
  const cml = new CmlServer({ ...account, userId: random.uuid(), telemetry: () => body });
  const ec2 = new Ec2Server({ clock: () => Date.now() });
  for (let i = 0; i < instances; i++) {
    ec2.instances.add({ instanceId: instanceId(i), region, tags: { Name: `cml-worker-${i}` } });
  }
  return { cmlUrl: await cml.start(), ec2Url: await ec2.start(), bytes: body.length };
}

function use(count) {
  const now = Date.now();
  for (let i = 0; i < count; i++) history.push(userEvent(now - i, random));
  body = JSON.stringify(history);
  return {};
}

process.on('message', async (message) => {
  process.send('use' in message ? use(message.use) : await start(message));
});
process.on('disconnect', () => process.exit(0));
