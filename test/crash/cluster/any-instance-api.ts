import { setTimeout as delay } from 'node:timers/promises';
import type { SeededRandom } from '../../../src/simulated-lab/seeded-random.js';
import type { Answer, Call } from '../service-api.js';
import { ServiceApi, Unanswered } from '../service-api.js';
import type { Instance } from './instance.js';

/** The checks ask for so long until some instance answers, ms. */
const PATIENCE_MS = 60_000;

/** The service behind a load balancer that knows nothing: each call goes to any instance, also to one that is dead. */
export class AnyInstanceApi extends ServiceApi {
  constructor(
    private readonly instances: readonly Instance[],
    private readonly random: SeededRandom,
  ) {
    super('any instance');
  }

  override call(call: Call): Promise<Answer> {
    return this.random.pick(this.instances).api.call(call);
  }
}

/** The service as the checks ask it: the instances in turn, until one answers. */
export class PatientApi extends ServiceApi {
  private turn = 0;

  constructor(private readonly instances: readonly Instance[]) {
    super('whichever instance answers');
  }

  /** @throws {Unanswered} none of the instances answers for a long time */
  override async call(call: Call): Promise<Answer> {
    const end = performance.now() + PATIENCE_MS;
    for (;;) {
      const instance = this.instances[this.turn++ % this.instances.length];
      const answer = instance?.life.isWell ? await answerOf(instance, call) : undefined;
      if (answer && !ANOTHER_MAY_ANSWER.has(answer.status)) return answer;
      if (performance.now() > end)
        throw new Unanswered(`${call.method} ${call.path}: ${answer?.status ?? 'no answer'}`);
      await delay(10);
    }
  }
}

/** 409: what is asked for can only be done by the instance that runs the projection. */
const ANOTHER_MAY_ANSWER: ReadonlySet<number> = new Set([409, 503]);

async function answerOf(instance: Instance, call: Call): Promise<Answer | undefined> {
  try {
    return await instance.api.call(call);
  } catch (error) {
    if (error instanceof Unanswered) return undefined;
    throw error;
  }
}
