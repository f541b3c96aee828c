import { AUTOMATION_USER_ID } from '../../../dist/simulated-lab/telemetry-history.js';
import { cmlTimestamp } from '../../../dist/simulated-lab/telemetry-log.js';

/** How many of 3,136 events of a real CML were of which kind; the rest were user_activity of its own automation. */
const REAL_SAMPLE = 3_136;
const SHARES = [
  [30, (random) => ['start_lab', { lab_id: random.uuid() }]],
  [196, (random) => ['start_node', { lab_id: random.uuid(), node_label: 'r1' }]],
  [207, (random) => ['system_stats', { cpu_percent: random.integer(1, 60), memory_percent: random.integer(20, 80) }]],
  [207, (random) => ['running_nodes', { count: random.integer(0, 20) }]],
];

/**
 * A telemetry history of the composition of a real one, over two weeks up to two hours ago, in no order.
 *
 * @param {number} count
 * @param {number} now Epoch ms.
 * @param {import('../../../dist/simulated-lab/seeded-random.js').SeededRandom} random
 */
export function telemetryHistory(count, now, random) {
  const until = now - 2 * 3_600_000;
  return Array.from({ length: count }, (_, i) => {
    const [category, data] = kindOf(i % REAL_SAMPLE, random);
    return { category, timestamp: cmlTimestamp(until - random.integer(0, 14 * 86_400_000), random), data };
  });
}

function kindOf(place, random) {
  let from = 0;
  for (const [count, make] of SHARES) {
    from += count;
    if (place < from) return make(random);
  }
  return ['user_activity', { user_id: AUTOMATION_USER_ID }];
}
