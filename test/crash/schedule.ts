import type { SeededRandom } from '../../src/simulated-lab/seeded-random.js';
import type { Step } from './steps.js';

/** Kills at random among one round of all named steps. */
const RANDOM_KILLS = 10;

/** Which step comes next: every named one once a round, in an order of the seed, with random kills in between. */
export class Schedule<S extends Pick<Step, 'name' | 'after'>> {
  private coming: S[] = [];

  constructor(
    private readonly random: SeededRandom,
    private readonly named: readonly S[],
    private readonly atRandom: S,
    private readonly randomKills = RANDOM_KILLS,
  ) {}

  /** @param before the step that was really hit last; what can only follow another step comes right after it */
  next(before: S | undefined): S {
    const follower = this.coming.find(({ after }) => after !== undefined && after === before?.name);
    if (follower) return this.take(follower);
    if (this.coming.length === 0) this.coming = this.round();
    const first = this.coming[0];
    if (!first) throw new Error('There is nothing to do.');
    if (first.after === undefined) return this.take(first);
    const setUp = this.named.find(({ name }) => name === first.after);
    if (!setUp) throw new Error(`There is no step '${first.after}'.`);
    return setUp;
  }

  /** It did not come: later, then. */
  postpone(step: S): void {
    this.coming.push(step);
  }

  private take(step: S): S {
    this.coming.splice(this.coming.indexOf(step), 1);
    return step;
  }

  private round(): S[] {
    const steps = [...this.named, ...Array.from({ length: this.randomKills }, () => this.atRandom)];
    return steps
      .map((step) => ({ step, order: this.random.next() }))
      .sort((a, b) => a.order - b.order)
      .map(({ step }) => step);
  }
}
