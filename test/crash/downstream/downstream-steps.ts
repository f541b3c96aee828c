import type { SeededRandom } from '../../../src/simulated-lab/seeded-random.js';
import type { Death, FollowerKind } from './follower-process.js';

/** When a process is killed. */
export interface DownstreamStep {
  readonly name: string;
  /** The follower; undefined: the service. */
  readonly who: FollowerKind | undefined;
  /** Undefined: at random. */
  readonly at: Death['at'] | undefined;
}

/** The receiver of webhooks keeps no position: after its receipt it answers. */
const POINTS = {
  received: 'an event has come, nothing is written',
  written: 'its receipt is written, its position not kept',
  kept: 'its position is kept',
} as const;
const WEBHOOK_POINTS = {
  received: 'an event has come, nothing is written',
  written: 'its receipt is written, nothing answered',
  kept: 'it is answered',
} as const;

const NAMES = { stream: 'stream (SSE)', pull: 'pull', webhook: 'webhook receiver' } as const;

/** All steps of one follower, or of the service. */
export function stepsOf(who: FollowerKind | undefined): DownstreamStep[] {
  if (who === undefined) return [{ name: 'service: at random', who, at: undefined }];
  const points = Object.entries(who === 'webhook' ? WEBHOOK_POINTS : POINTS) as [Death['at'], string][];
  return [
    ...points.map(([at, when]) => ({ name: `${NAMES[who]}: ${when}`, who, at })),
    { name: `${NAMES[who]}: at random`, who, at: undefined },
  ];
}

/** So often each is killed, of a hundred times. */
export const SHARES: readonly { readonly who: FollowerKind | undefined; readonly share: number }[] = [
  { who: 'stream', share: 35 },
  { who: 'pull', share: 35 },
  { who: 'webhook', share: 20 },
  { who: undefined, share: 10 },
];

/** How many of so many kills are whose; each has one at least, as far as there are enough. */
export function sharesOf(kills: number): Map<FollowerKind | undefined, number> {
  const shares = new Map(SHARES.map(({ who, share }) => [who, Math.floor((kills * share) / 100)]));
  // What rounding has left, one by one, to those that have least first.
  for (let rest = kills - [...shares.values()].reduce((sum, share) => sum + share, 0); rest > 0; rest--) {
    const [who] = [...shares].reduce((least, other) => (other[1] < least[1] ? other : least));
    shares.set(who, (shares.get(who) ?? 0) + 1);
  }
  return shares;
}

/** The steps of one, once each in an order of the seed, again and again. */
export class StepOrder {
  private coming: DownstreamStep[] = [];

  constructor(
    private readonly steps: readonly DownstreamStep[],
    private readonly random: SeededRandom,
  ) {}

  next(): DownstreamStep {
    if (this.coming.length === 0) this.coming = [...this.steps];
    const [step] = this.coming.splice(this.random.integer(0, this.coming.length - 1), 1);
    if (!step) throw new Error('There is nothing to do.');
    return step;
  }
}
