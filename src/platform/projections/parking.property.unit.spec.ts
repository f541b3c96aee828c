import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { eventually } from '../../../test/support/eventually.js';
import { notesProjection, ProjectionFixture } from '../../../test/support/projection-fixture.js';
import { ReadModelStoreUnavailable } from '../read-models/read-model-store.errors.js';
import { ProjectionNotReady } from './projection.errors.js';
import type { ProjectionEngine, Verification } from './projection-engine.js';

type Step =
  | {
      readonly do: 'append';
      readonly stream: number;
      readonly kinds: readonly ('good' | 'poison' | 'clear' | 'other')[];
    }
  | { readonly do: 'retry' | 'skip'; readonly pick: number }
  | { readonly do: 'heal' | 'restart' | 'break' | 'fail_commit' | 'rebuild' | 'wait' };

const kind = fc.constantFrom('good', 'good', 'good', 'poison', 'clear', 'other');
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('append'),
      stream: fc.nat(3),
      kinds: fc.array(kind, { minLength: 1, maxLength: 4 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('retry', 'skip'), pick: fc.nat(3) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('heal', 'restart', 'break', 'fail_commit', 'rebuild', 'wait') }),
  },
);

/** Carries out one history of events, failures and interventions. */
class Story {
  readonly skipped = new Set<string>();
  private readonly poison = new Set<string>();
  private count = 0;

  private constructor(
    readonly test: ProjectionFixture,
    private readonly batchSize: number,
    private engine: ProjectionEngine,
  ) {}

  static async run(steps: readonly Step[], batchSize: number, check: (story: Story) => Promise<void>): Promise<void> {
    const test = await ProjectionFixture.open();
    try {
      const story = new Story(test, batchSize, test.engine());
      await story.restart();
      for (const next of steps) await story.take(next);
      await story.settle();
      await check(story);
    } finally {
      await test.close();
    }
  }

  served(): Promise<Record<string, readonly string[]>> {
    return this.test.served(this.engine);
  }

  async verified(): Promise<Verification | undefined> {
    let result: Verification | undefined;
    await onceReady(async () => (result = await this.engine.verify('notes')));
    return result;
  }

  private async take(next: Step): Promise<void> {
    switch (next.do) {
      case 'append':
        return await this.append(next.stream, next.kinds);
      case 'retry':
      case 'skip':
        return await this.intervene(next.do, next.pick);
      case 'heal':
        return this.poison.clear();
      case 'restart':
        return await this.restart();
      case 'break':
        return this.test.events.breakSubscriptions('error');
      case 'fail_commit':
        return this.failNextCommit();
      case 'rebuild':
        return await this.rebuild();
      case 'wait':
        return await this.engine.caughtUp();
    }
  }

  private async append(stream: number, kinds: readonly ('good' | 'poison' | 'clear' | 'other')[]): Promise<void> {
    for (const each of kinds) {
      const text = String(this.count++);
      const type = each === 'clear' ? 'Cleared' : each === 'other' ? 'Ignored' : 'Noted';
      const { ids } = await this.test.append(`note-${stream}`, [{ type, data: { text } }]);
      // The subscription hands it over in a later turn of the event loop, so it is never seen before it is poison.
      if (each === 'poison') for (const id of ids) this.poison.add(id);
    }
  }

  private async intervene(how: 'retry' | 'skip', pick: number): Promise<void> {
    await this.engine.caughtUp();
    const parked = await this.engine.parkedStreams();
    const record = parked[pick % Math.max(1, parked.length)];
    if (!record) return;
    // Recorded before anything else is written, so whatever fails later, the event is left out.
    if (how === 'skip') this.skipped.add(record.event_id);
    await onceReady(() =>
      how === 'skip' ? this.engine.skipParked('notes', record.stream) : this.engine.retryParked('notes', record.stream),
    );
  }

  private async rebuild(): Promise<void> {
    await this.engine.caughtUp();
    await onceReady(async () => await (await this.engine.rebuild('notes')).done);
  }

  private failNextCommit(): void {
    let failed = false;
    this.test.readModels.faultOf = ({ writes }) => {
      if (failed || writes.length === 0) return undefined;
      failed = true;
      return this.count % 2 ? 'answer_lost' : 'nothing_written';
    };
  }

  private async restart(): Promise<void> {
    await this.engine.stop();
    this.engine = await this.test.started(notesProjection(this.poison), {
      batchSize: this.batchSize,
      commitAfterEvents: 2 * this.batchSize,
    });
  }

  /** Heals everything and retries until nothing is parked. */
  private async settle(): Promise<void> {
    this.test.readModels.faultOf = () => undefined;
    this.poison.clear();
    await this.engine.caughtUp();
    for (const { stream } of await this.engine.parkedStreams()) {
      await onceReady(() => this.engine.retryParked('notes', stream));
    }
  }
}

/** Asks again while the loop is opening what is stored; a commit that was told to fail is part of the story. */
async function onceReady(work: () => Promise<unknown>): Promise<void> {
  await eventually('the projection is ready', async () => {
    try {
      await work();
      return true;
    } catch (error) {
      if (error instanceof ProjectionNotReady) return false;
      if (error instanceof ReadModelStoreUnavailable) return true;
      throw error;
    }
  });
}

describe('parking, retrying, skipping, failing and restarting at random', () => {
  it('ends with the documents that a fold without the skipped events makes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), fc.integer({ min: 1, max: 6 }), (steps, size) =>
        Story.run(steps, size, async (story) => {
          expect(await story.served()).toEqual(story.test.folded(story.skipped));
          expect(await story.verified()).toMatchObject({ equal: true });
        }),
      ),
      { numRuns: 100 },
    );
  }, 120_000);
});
