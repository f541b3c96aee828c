import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { notesProjection, ProjectionFixture } from '../../../test/support/projection-fixture.js';
import type { ProjectionEngine } from './projection-engine.js';

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
) as fc.Arbitrary<Step>;

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

  verified(): ReturnType<ProjectionEngine['verify']> {
    return this.engine.verify('notes');
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
        await this.engine.caughtUp();
        await (await this.engine.rebuild('notes')).done.catch(tolerateFault);
        return;
      case 'wait':
        return await this.engine.caughtUp();
    }
  }

  private async append(stream: number, kinds: readonly ('good' | 'poison' | 'clear' | 'other')[]): Promise<void> {
    for (const each of kinds) {
      const text = String(this.count++);
      const type = each === 'clear' ? 'Cleared' : each === 'other' ? 'Ignored' : 'Noted';
      // The poison must be known before the event is seen, so the two share one turn.
      const appended = this.test.append(`note-${stream}`, [{ type, data: { text } }]);
      if (each === 'poison') this.poisonNext.add(text);
      const { ids } = await appended;
      if (each === 'poison') for (const id of ids) this.poison.add(id);
    }
  }
  private readonly poisonNext = new Set<string>();

  private async intervene(how: 'retry' | 'skip', pick: number): Promise<void> {
    await this.engine.caughtUp();
    const parked = await this.engine.parkedStreams();
    const record = parked[pick % Math.max(1, parked.length)];
    if (!record) return;
    try {
      if (how === 'skip') this.skipped.add(record.event_id);
      await (how === 'skip'
        ? this.engine.skipParked('notes', record.stream)
        : this.engine.retryParked('notes', record.stream));
    } catch (error) {
      tolerateFault(error);
    }
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
    this.engine = await this.test.started(notesProjection(this.poison), { batchSize: this.batchSize });
  }

  /** Heals everything and retries until nothing is parked. */
  private async settle(): Promise<void> {
    this.test.readModels.faultOf = () => undefined;
    this.poison.clear();
    await this.engine.caughtUp();
    for (const { stream } of await this.engine.parkedStreams()) await this.engine.retryParked('notes', stream);
  }
}

/** What a story provokes itself. */
function tolerateFault(error: unknown): void {
  const code = (error as { code?: unknown }).code;
  if (code !== 'read_model_store_unavailable' && code !== 'projection_not_ready') throw error;
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
      { numRuns: 60 },
    );
  }, 120_000);
});
