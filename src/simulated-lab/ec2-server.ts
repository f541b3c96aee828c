import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { EC2_ACTIONS } from './ec2-actions.js';
import type { Ec2Request } from './ec2-actions.js';
import { Ec2Error } from './ec2-error.js';
import { Ec2Instances } from './ec2-instances.js';
import type { InstanceTimings } from './ec2-instances.js';
import { listParameter } from './ec2-query.js';
import { FaultQueue } from './faults.js';
import type { FaultScope } from './faults.js';
import { Hooks } from './hooks.js';
import type { Hook } from './hooks.js';
import { HttpListener } from './http-listener.js';
import type { HttpAnswer, HttpReply, HttpRequest } from './http-listener.js';
import { xmlDocument } from './xml.js';
import type { XmlContent } from './xml.js';

const API_VERSION = '2016-11-15';
const NAMESPACE = `http://ec2.amazonaws.com/doc/${API_VERSION}/`;

/**
 * What may go wrong with a request.
 * - `refuse`: EC2's error of that code; nothing is done.
 * - `never_answer`: taken, not done, never answered.
 * - `lose_answer`: done, and the connection drops before the answer.
 * - `late_answer`: done and read at once, answered `ms` later: by then the answer may be out of date.
 * - `raw`: something that is not EC2 answers, a proxy for example; nothing is done.
 */
export type Ec2Fault =
  | { readonly kind: 'refuse'; readonly code: string; readonly message?: string }
  | { readonly kind: 'never_answer' }
  | { readonly kind: 'lose_answer' }
  | { readonly kind: 'late_answer'; readonly ms: number }
  | { readonly kind: 'raw'; readonly status: number; readonly body: string };

/** A StopInstances or StartInstances that reached EC2. */
export interface ReceivedCommand {
  readonly action: string;
  readonly region: string;
  readonly instanceIds: readonly string[];
  /** Epoch ms. */
  readonly at: number;
  /** `accepted` (done, or nothing to do), EC2's error code, or `not_done` (a fault swallowed it, or still waiting). */
  outcome: string;
}

export interface Ec2ServerOptions extends InstanceTimings {
  /** Largest page of DescribeInstances (default 1000). */
  readonly maxPageSize?: number;
  /** Epoch ms. */
  readonly clock: () => number;
  /** Answers what is not EC2's: every path but `/`. */
  readonly elsewhere?: (request: HttpRequest) => Promise<HttpReply>;
}

/**
 * EC2's query protocol (form POST, XML answers) for the few actions the service uses. Credentials are not checked, but
 * a request must be signed: the region comes from the signature, as one address stands for all regions.
 */
export class Ec2Server {
  readonly instances: Ec2Instances;
  /** Every StopInstances and StartInstances so far, refused and unanswered ones included, oldest first. */
  readonly received: ReceivedCommand[] = [];
  private readonly listener: HttpListener;
  private readonly faults = new FaultQueue<Ec2Fault>();
  private readonly before = new Hooks<Ec2Request>();
  private readonly after = new Hooks<Ec2Request>();

  constructor(private readonly options: Ec2ServerOptions) {
    this.instances = new Ec2Instances(options.clock, options);
    this.listener = new HttpListener((request) => this.reply(request));
  }

  get url(): string {
    return this.listener.url;
  }

  /** @param name the host in {@link url}, when it is another one than the address that is listened on */
  start(port?: number, host?: string, name?: string): Promise<string> {
    return this.listener.start(port, host, name);
  }

  async stop(): Promise<void> {
    this.instances.close();
    await this.listener.stop();
  }

  /** The next requests (for one action, when `target` says so) go wrong. */
  faultNext(fault: Ec2Fault, scope?: FaultScope): void {
    this.faults.add(fault, scope);
  }

  /** The next `times` requests are throttled: RequestLimitExceeded. */
  throttleNext(times: number, action?: string): void {
    const scope = action === undefined ? { times } : { times, target: action };
    this.faultNext({ kind: 'refuse', code: 'RequestLimitExceeded' }, scope);
  }

  clearFaults(): void {
    this.faults.clear();
  }

  /** Called when a request has arrived and nothing is done yet. @returns takes the hook away again */
  onRequest(hook: Hook<Ec2Request>): () => void {
    return this.before.add(hook);
  }

  /** Called when a request has been done and is not answered yet. @returns takes the hook away again */
  onDone(hook: Hook<Ec2Request>): () => void {
    return this.after.add(hook);
  }

  /** Those of {@link received} that are of one action and for one instance. */
  receivedFor(instanceId: string, action: 'StopInstances' | 'StartInstances'): ReceivedCommand[] {
    return this.received.filter((r) => r.action === action && r.instanceIds.includes(instanceId));
  }

  private async reply(http: HttpRequest): Promise<HttpReply> {
    if (http.path !== '/') {
      return this.options.elsewhere?.(http) ?? { status: 404, contentType: 'text/plain', body: 'Not Found' };
    }
    const requestId = randomUUID();
    try {
      return await this.perform(ec2RequestOf(http), requestId);
    } catch (error) {
      if (error instanceof Ec2Error) return errorAnswer(error, requestId);
      throw error;
    }
  }

  private async perform(request: Ec2Request, requestId: string): Promise<HttpReply> {
    const record = this.record(request);
    await this.before.call(request);
    const fault = this.faults.take(request.action);
    if (fault?.kind === 'never_answer') return 'never';
    if (fault?.kind === 'raw') return { status: fault.status, contentType: 'text/html', body: fault.body };
    try {
      if (fault?.kind === 'refuse') throw new Ec2Error(fault.code, fault.message);
      const answer = this.answer(request, requestId);
      record.outcome = 'accepted';
      await this.after.call(request);
      if (fault?.kind === 'late_answer') await sleep(fault.ms, undefined, { ref: false });
      return fault?.kind === 'lose_answer' ? 'drop' : answer;
    } catch (error) {
      if (error instanceof Ec2Error) record.outcome = error.code;
      throw error;
    }
  }

  private answer(request: Ec2Request, requestId: string): HttpAnswer {
    const action = EC2_ACTIONS[request.action];
    if (!action) {
      throw new Ec2Error('InvalidAction', `The action ${request.action} is not valid for this web service.`);
    }
    if (request.params.get('DryRun') === 'true') throw new Ec2Error('DryRunOperation');
    const content = action(request, this.instances, this.options.maxPageSize ?? 1000);
    return xmlAnswer(200, `${request.action}Response`, { requestId, ...content }, NAMESPACE);
  }

  private record(request: Ec2Request): ReceivedCommand {
    const { action, region, instanceIds } = request;
    const record = { action, region, instanceIds, at: this.options.clock(), outcome: 'not_done' };
    if (action === 'StopInstances' || action === 'StartInstances') this.received.push(record);
    return record;
  }
}

/** @throws {Ec2Error} not signed, or another version of the API */
function ec2RequestOf(http: HttpRequest): Ec2Request {
  const signature = /^AWS4-HMAC-SHA256 Credential=[^/,\s]+\/\d{8}\/([a-z0-9-]+)\/ec2\/aws4_request/;
  const region = signature.exec(http.headers.authorization ?? '')?.[1];
  if (region === undefined) throw new Ec2Error('AuthFailure');
  const params = new URLSearchParams(http.body);
  const version = params.get('Version');
  if (version !== API_VERSION) {
    throw new Ec2Error('InvalidParameterValue', `The simulated EC2 speaks version ${API_VERSION}, not ${version}.`);
  }
  return { action: params.get('Action') ?? '', region, params, instanceIds: listParameter(params, 'InstanceId') };
}

function xmlAnswer(status: number, root: string, content: XmlContent, namespace?: string): HttpAnswer {
  return { status, contentType: 'text/xml;charset=UTF-8', body: xmlDocument(root, content, namespace) };
}

/** EC2's errors have a `Response` root without a namespace, and spell `RequestID` with a capital D. */
function errorAnswer(error: Ec2Error, requestId: string): HttpAnswer {
  const content = { Errors: { Error: { Code: error.code, Message: error.message } }, RequestID: requestId };
  return xmlAnswer(error.status, 'Response', content);
}
