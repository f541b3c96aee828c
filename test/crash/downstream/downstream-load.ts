import { setTimeout as delay } from 'node:timers/promises';
import type { SeededRandom } from '../../../src/simulated-lab/seeded-random.js';
import type { Ec2Backend } from '../ec2-backend.js';
import { REGION } from '../ec2-backend.js';
import type { Answer, Call, ServiceApi } from '../service-api.js';
import { Unanswered } from '../service-api.js';

/** Each client does something so often, ms. */
const PAUSE_MS = { from: 30, to: 120 } as const;

/** A client waits so long before it asks again, ms. */
const RETRY_MS = 50;

const SESSIONS = 6;
const WORKERS = 4;

/** An answer that nobody should get. */
export class WrongAnswer extends Error {}

/** Commands through HTTP, so that there is always something to follow: each client has one aggregate of its own. */
export class DownstreamLoad {
  private readonly lives: Promise<void>[] = [];
  private stopped = false;
  private sent = 0;

  constructor(
    private readonly api: ServiceApi,
    private readonly ec2: Ec2Backend,
    private readonly random: SeededRandom,
  ) {}

  /** Commands that were answered. */
  get answered(): number {
    return this.sent;
  }

  /** Makes the aggregates; then goes on until {@link stop}. @returns rejects when something is answered wrongly */
  async begin(): Promise<{ failed: Promise<unknown> }> {
    const acts: ((turn: number) => Promise<unknown>)[] = [];
    for (let index = 0; index < SESSIONS; index++) acts.push(await this.session(index));
    for (let index = 0; index < WORKERS; index++) acts.push(await this.worker(index));
    this.lives.push(...acts.map((act) => this.live(act)));
    return { failed: Promise.all(this.lives) };
  }

  /** Every command that was begun has been answered. */
  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.lives);
  }

  private async live(act: (turn: number) => Promise<unknown>): Promise<void> {
    for (let turn = 0; !this.stopped; turn++) {
      await act(turn);
      await delay(this.random.integer(PAUSE_MS.from, PAUSE_MS.to));
    }
  }

  /** Somebody who talks, pauses and resumes. */
  private async session(index: number): Promise<(turn: number) => Promise<unknown>> {
    const who = { tenant: `tenant-${index}`, caller: `user-${index}` };
    const { body } = await this.command({ ...who, path: '/coaching/sessions', body: { topic_id: 'purpose' } });
    const path = `/coaching/sessions/${(body as { session_id: string }).session_id}`;
    return (turn) => {
      if (turn % 4 === 2) return this.command({ ...who, path: `${path}/pause` });
      if (turn % 4 === 3) return this.command({ ...who, path: `${path}/resume` });
      return this.command({ ...who, path: `${path}/messages`, body: { role: 'user', content: `turn ${turn}` } });
    };
  }

  /** A worker whose timeout is changed again and again. */
  private async worker(index: number): Promise<(turn: number) => Promise<unknown>> {
    const aws_instance_id = await this.ec2.launch(`worker ${index}`);
    const body = { aws_instance_id, cml_endpoint: 'http://127.0.0.1:9' };
    const imported = await this.command({ path: `/region/${REGION}/workers/import`, body });
    const path = `/region/${REGION}/workers/${(imported.body as { worker_id: string }).worker_id}/policy`;
    return (turn) => this.command({ method: 'PATCH', path, body: { idle_timeout_minutes: 60 + (turn % 1_000) } });
  }

  /** Sent under one key until it is answered, however often the service is killed meanwhile. */
  private async command(call: Partial<Call> & Pick<Call, 'path'>): Promise<Answer> {
    const keyed: Call = { method: 'POST', key: this.random.uuid(), ...call };
    for (;;) {
      try {
        const answer = await this.api.call(keyed);
        if (answer.status < 300) {
          this.sent++;
          return answer;
        }
        const told = `${keyed.method} ${keyed.path}: ${answer.status} ${JSON.stringify(answer.body)}`;
        if (answer.status !== 503) throw new WrongAnswer(told);
      } catch (error) {
        if (!(error instanceof Unanswered)) throw error;
      }
      await delay(RETRY_MS);
    }
  }
}
