import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../../../test/support/eventually.js';
import { FeedFixture } from '../../../test/support/feed-fixture.js';
import type { Follower } from '../../../test/support/feed-fixture.js';
import type { EventSelection } from '../contracts/public-events.js';
import { EventStoreUnavailable } from '../event-store/event-store.errors.js';

type Step =
  | { readonly do: 'append'; readonly stream: string; readonly types: readonly string[] }
  | { readonly do: 'stall' | 'take' | 'drop' | 'connect'; readonly client: number }
  | { readonly do: 'break'; readonly how: 'error' | 'polite_end' | 'stall' }
  | { readonly do: 'store_away' | 'store_back' | 'wait' };

const SELECTIONS: readonly EventSelection[] = [
  {},
  {},
  { types: ['dormouse.kettle.boiled.v1'] },
  { aggregateKind: 'kettle', aggregateId: 'a' },
];

const client = fc.nat(SELECTIONS.length - 1);
const kettleEvents = fc.array(fc.constantFrom('KettleBoiled', 'KettleEmptied', 'KettleTouched'), {
  minLength: 1,
  maxLength: 12,
});
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('append'),
      stream: fc.constantFrom('kettle-a', 'kettle-ab', 'kettle-b'),
      types: kettleEvents,
    }),
  },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'append', stream: 'lamp-a', types: ['LampLit'] }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('stall', 'take', 'drop', 'connect'), client }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('break'), how: fc.constantFrom('error', 'polite_end', 'stall') }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('store_away', 'store_back', 'wait', 'wait') }) },
);

describe('Every client gets each event that it wants exactly once, in order', () => {
  it('whatever happens to the store, the subscription, the connections, and however slowly it takes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const feed = new FeedFixture();
        const followers = await Promise.all(SELECTIONS.map((selection) => feed.follower(selection)));
        for (const next of steps) await take(feed, followers, next);
        await settle(feed, followers);
        feed.hub.end();
        for (const follower of followers) expect(follower.ids()).toEqual(expectedBy(feed, follower.selection));
      }),
      { numRuns: 60, endOnFailure: true },
    );
  });
});

async function take(feed: FeedFixture, followers: readonly Follower[], step: Step): Promise<void> {
  switch (step.do) {
    case 'append':
      if (!feed.store.unavailable) await feed.append(step.stream, ...step.types);
      return;
    case 'stall':
      return followers[step.client]?.sink.stall();
    case 'take':
      return followers[step.client]?.sink.take();
    case 'drop':
      return followers[step.client]?.sink.close();
    case 'connect':
      return await reconnect(followers[step.client]);
    case 'break':
      return feed.store.breakSubscriptions(step.how);
    case 'store_away':
    case 'store_back':
      feed.store.unavailable = step.do === 'store_away';
      return;
    case 'wait':
      // Long enough for some of what is under way to happen, and short enough for not all of it.
      await delay(8);
  }
}

async function reconnect(follower: Follower | undefined): Promise<void> {
  if (!follower?.sink.closed) return;
  await follower.connect().catch((error: unknown) => {
    if (!(error instanceof EventStoreUnavailable)) throw error;
  });
}

async function settle(feed: FeedFixture, followers: readonly Follower[]): Promise<void> {
  feed.store.unavailable = false;
  for (const follower of followers) follower.sink.take();
  await eventually(
    () => followers.map((f) => `${f.ids().length} of ${expectedBy(feed, f.selection).length}`).join(', '),
    async () => {
      for (const follower of followers) await reconnect(follower);
      return followers.every((follower) => follower.ids().length >= expectedBy(feed, follower.selection).length);
    },
    5_000,
  );
  // One too many would come at once.
  await delay(5);
}

function expectedBy(feed: FeedFixture, { types, aggregateId }: EventSelection): string[] {
  return feed.expected(
    ({ type, stream }) =>
      (types === undefined || type === 'KettleBoiled') && (aggregateId === undefined || stream === 'kettle-a'),
  );
}
