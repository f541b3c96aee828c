import { setTimeout as delay } from 'node:timers/promises';
import type { SeededRandom } from '../../src/simulated-lab/seeded-random.js';
import type { LabWorker } from './crash-lab.js';
import { REGION } from './ec2-backend.js';
import type { Ledger, SentCommand } from './ledger.js';
import type { Answer, Call, ServiceApi } from './service-api.js';
import { Unanswered } from './service-api.js';

/** A worker's idle timeout in minutes: for those that are to fall idle at once, and for those that never are. */
const TIMEOUT = { idler: 0.004, managed: 60, guest: 60 } as const;

/** A client waits so long before it asks again, ms. */
const RETRY_MS = 20;

/** What a client has begun is over within so long while the service is up, ms. */
const HELD_WITHIN_MS = 30_000;

/** An answer that no client should ever get. */
export class WrongAnswer extends Error {}

interface WorkerView {
  readonly status: string;
  readonly idle_timeout_minutes: number | null;
  readonly last_resumed_at: string | null;
}

/**
 * The people who use the service: each looks after one worker, does one thing at a time, and sends a command again under
 * the same Idempotency-Key until it is answered. What was answered goes into the ledger.
 */
export class Clients {
  /** Settles when a client has got a wrong answer. */
  readonly failed: Promise<never>;
  private readonly fail: (error: unknown) => void;
  private held = false;
  private stopped = false;
  private readonly lives: Promise<void>[] = [];
  private readonly bursts = new Set<Promise<void>>();
  private readonly waiting = new Set<LabWorker>();
  /** The newest token each worker's client was given. */
  private readonly tokens = new Map<LabWorker, string>();
  /** The idle timeout that each worker's client was last told to be set; unknown where several were set at once. */
  private readonly timeouts = new Map<LabWorker, number>();
  /** Bursts begun. */
  private burstCount = 0;
  private sent = 0;

  constructor(
    private readonly api: ServiceApi,
    private readonly workers: readonly LabWorker[],
    private readonly ledger: Ledger,
    private readonly random: SeededRandom,
    /** Statuses that mean "ask again". */
    private readonly askAgain: readonly number[] = [503],
  ) {
    const { promise, reject } = Promise.withResolvers<never>();
    this.failed = promise;
    this.fail = reject;
    // Whoever waits for it is told; when nobody does yet, that is no reason to end the process.
    promise.catch(() => undefined);
  }

  /** Imports every worker; needs the service up. */
  async begin(): Promise<void> {
    for (const worker of this.workers) await this.import(worker);
    for (const worker of this.workers) this.lives.push(this.live(worker));
    // A wrong answer is for whoever waits for `failed`; here only the ends of the lives count.
    for (const life of this.lives) life.catch(this.fail);
  }

  /**
   * Resolves when every client has finished what it was doing and begins nothing new; needs the service up.
   * @throws {WrongAnswer} a client waits in vain for what it was promised
   */
  async hold(): Promise<void> {
    this.held = true;
    const end = performance.now() + HELD_WITHIN_MS;
    while (this.waiting.size < this.workers.length || this.bursts.size > 0) {
      await Promise.race([delay(5), this.failed]);
      if (performance.now() < end) continue;
      const busy = this.workers.filter((worker) => !this.waiting.has(worker)).map(({ name, id }) => `${name} (${id})`);
      throw new WrongAnswer(`The clients of ${busy.join(', ')} have not finished within ${HELD_WITHIN_MS} ms`);
    }
  }

  release(): void {
    this.held = false;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.held = false;
    await Promise.allSettled([...this.lives, ...this.bursts]);
  }

  /** The policy of each worker is changed so often, all at the same time: many events at once. */
  burst(times: number): void {
    const workers = this.workers.filter(({ role }) => role !== 'guest');
    const bursts = workers.flatMap((worker) => Array.from({ length: times }, () => this.changePolicy(worker)));
    this.burstCount++;
    const all = Promise.all(bursts).then(() => {
      this.timeouts.clear();
      this.bursts.delete(all);
    });
    this.bursts.add(all);
    all.catch(this.fail);
  }

  private async live(worker: LabWorker): Promise<void> {
    while (!this.stopped) {
      this.waiting.add(worker);
      while (this.held) await delay(5);
      if (this.stopped) return;
      this.waiting.delete(worker);
      await this.act(worker);
      await delay(this.random.integer(10, 120));
    }
  }

  private async act(worker: LabWorker): Promise<void> {
    if (worker.role === 'guest') return this.comeAndGo(worker);
    const { status, last_resumed_at } = await this.view(worker);
    if (status === 'stopping' || status === 'stopped') return this.resume(worker, last_resumed_at);
    const chance = this.random.next();
    if (chance < 0.25) return this.changePolicy(worker);
    if (chance < 0.35) return this.resume(worker, last_resumed_at, 'blind resume');
    if (worker.role === 'managed' && status === 'running') return this.pause(worker);
  }

  private async comeAndGo(worker: LabWorker): Promise<void> {
    if (this.random.next() < 0.5) await this.changePolicy(worker);
    await this.forget(worker);
    await this.import(worker);
  }

  private async import(worker: LabWorker): Promise<void> {
    const body = {
      aws_instance_id: worker.instanceId,
      name: worker.name,
      cml_endpoint: worker.cmlEndpoint,
      idle_timeout_minutes: TIMEOUT[worker.role],
    };
    const command = this.open('import', worker);
    const answer = await this.until(command, { method: 'POST', path: `${PATH}/import`, body }, [201]);
    const id = String((answer.body as { worker_id?: unknown }).worker_id);
    worker.id = id;
    this.timeouts.delete(worker);
    command.stream = streamOf(worker);
    this.acknowledge(command, worker, answer);
  }

  private async forget(worker: LabWorker): Promise<void> {
    const command = this.open('forget', worker);
    const call: Call = { method: 'DELETE', path: pathOf(worker) };
    // Sent again after it was carried out, there is no such worker any more.
    const answer = await this.until(command, call, [204], () => (command.attempts > 1 ? [404] : []));
    this.acknowledge(command, worker, answer);
  }

  private async changePolicy(worker: LabWorker): Promise<void> {
    const command = this.open('policy', worker);
    // A value that was never there before, so that each change is a change.
    const body = { idle_timeout_minutes: TIMEOUT[worker.role] + this.sent * 1e-8 };
    const { burstCount } = this;
    this.timeouts.delete(worker);
    const answer = await this.until(command, { method: 'PATCH', path: `${pathOf(worker)}/policy`, body }, [200]);
    this.acknowledge(command, worker, answer);
    const isAlone = this.bursts.size === 0 && this.burstCount === burstCount;
    if (isAlone) this.timeouts.set(worker, body.idle_timeout_minutes);
  }

  private async pause(worker: LabWorker): Promise<void> {
    const command = this.open('pause', worker);
    const answer = await this.until(command, { method: 'POST', path: `${pathOf(worker)}/pause` }, [200]);
    this.acknowledge(command, worker, answer);
  }

  /**
   * Blind: without looking first; mostly there is nothing to do, and sometimes a pause is under way that has to give way.
   * A resume of a stopping instance is carried out later, which is waited for.
   */
  private async resume(
    worker: LabWorker,
    resumedBefore: string | null,
    what: 'resume' | 'blind resume' = 'resume',
  ): Promise<void> {
    await delay(this.random.integer(0, 60));
    const command = this.open(what, worker);
    const answer = await this.until(command, { method: 'POST', path: `${pathOf(worker)}/resume` }, [200, 202]);
    this.acknowledge(command, worker, answer);
    if (answer.status !== 202) return;
    while (!this.stopped && (await this.view(worker)).last_resumed_at === resumedBefore) await delay(RETRY_MS);
  }

  /** The worker as it is after everything this client has been told. */
  private async view(worker: LabWorker): Promise<WorkerView> {
    const token = this.tokens.get(worker) ?? null;
    const expected = this.timeouts.get(worker);
    const answer = await this.until(null, { method: 'GET', path: pathOf(worker), token }, [200]);
    const view = answer.body as WorkerView;
    if (token !== null && positionOf(answer.token) < positionOf(token)) {
      throw new WrongAnswer(`GET ${pathOf(worker)} at ${token} was answered at ${answer.token}`);
    }
    // Unless a burst has set others meanwhile.
    const isCertain = expected !== undefined && this.timeouts.get(worker) === expected && this.bursts.size === 0;
    if (isCertain && view.idle_timeout_minutes !== expected) {
      throw new WrongAnswer(
        `GET ${pathOf(worker)} at ${token} has the timeout ${view.idle_timeout_minutes} instead of ${expected}`,
      );
    }
    return view;
  }

  private open(what: SentCommand['what'], worker: LabWorker): SentCommand {
    this.sent++;
    const caller = `${what.replace(' ', '-')}-${this.sent}`;
    return this.ledger.open(what, caller, worker.id === null ? null : streamOf(worker));
  }

  private acknowledge(command: SentCommand, worker: LabWorker, { status, token }: Answer): void {
    if (token !== null) this.tokens.set(worker, token);
    const position = token === null ? null : positionOf(token);
    command.acknowledged = { position, later: status === 202 };
  }

  /** Sends until there is an answer. Anything unexpected is a wrong answer. */
  private async until(
    command: SentCommand | null,
    call: Call,
    expected: readonly number[],
    alsoExpected: () => readonly number[] = () => [],
  ): Promise<Answer> {
    const identity = command ? { caller: command.caller, key: command.caller } : {};
    for (;;) {
      if (command) command.attempts++;
      const answer = await this.attempt({ ...call, ...identity });
      if (answer && [...expected, ...alsoExpected()].includes(answer.status)) return answer;
      if (answer && !this.askAgain.includes(answer.status)) {
        const who = command ? ` by ${command.caller}, sent ${command.attempts} time(s)` : '';
        const body = JSON.stringify(answer.body);
        throw new WrongAnswer(`${call.method} ${call.path}${who} was answered ${answer.status} ${body}`);
      }
      if (this.stopped) throw new WrongAnswer(`${call.method} ${call.path} was given up: the test is over`);
      await delay(RETRY_MS);
    }
  }

  private async attempt(call: Call): Promise<Answer | undefined> {
    try {
      return await this.api.call(call);
    } catch (error) {
      if (error instanceof Unanswered) return undefined;
      throw error;
    }
  }
}

/** The position that a consistency token stands for; before all of them when there is none. */
function positionOf(token: string | null): number {
  return token === null ? -1 : parseInt(token.split('.')[1] ?? '', 36);
}

const PATH = `/region/${REGION}/workers`;

function pathOf({ id, name }: LabWorker): string {
  if (id === null) throw new Error(`${name} has not been imported yet.`);
  return `${PATH}/${id}`;
}

/** The worker's stream in the history. */
export function streamOf({ id }: LabWorker): string {
  return `cmlWorker-${id}`;
}
