import type { SeededRandom } from '../../src/simulated-lab/seeded-random.js';
import { NAMED_STEPS, RANDOM_STEP } from './steps.js';
import type { Step } from './steps.js';

/** Kills at random among one round of all named steps. */
const RANDOM_KILLS = 10;

/** Which step comes next: every named one once a round, in an order of the seed, with random kills in between. */
export class Schedule {
  private coming: Step[] = [];

  constructor(private readonly random: SeededRandom) {}

  /** @param before the step that was really hit last; what can only follow another step comes right after it */
  next(before: Step | undefined): Step {
    const follower = this.coming.find(({ after }) => after !== undefined && after === before?.name);
    if (follower) return this.take(follower);
    if (this.coming.length === 0) this.coming = this.round();
    const first = this.coming[0];
    if (!first) throw new Error('There is nothing to do.');
    if (first.after === undefined) return this.take(first);
    const setUp = NAMED_STEPS.find(({ name }) => name === first.after);
    if (!setUp) throw new Error(`There is no step '${first.after}'.`);
    return setUp;
  }

  /** It did not come: later, then. */
  postpone(step: Step): void {
    this.coming.push(step);
  }

  private take(step: Step): Step {
    this.coming.splice(this.coming.indexOf(step), 1);
    return step;
  }

  private round(): Step[] {
    const steps = [...NAMED_STEPS, ...Array.from({ length: RANDOM_KILLS }, () => RANDOM_STEP)];
    return steps
      .map((step) => ({ step, order: this.random.next() }))
      .sort((a, b) => a.order - b.order)
      .map(({ step }) => step);
  }
}
