import type { Exchange } from './recording-proxy.js';

/** A StopInstances or StartInstances as EC2 carried it out, by its own answer. Times are epoch ms at the proxy. */
export interface PowerCall {
  readonly action: 'StopInstances' | 'StartInstances';
  readonly instanceId: string;
  /** Access key of the sender. */
  readonly signedBy: string | null;
  readonly arrivedAt: number;
  readonly doneAt: number;
  /** EC2's names of the states; null when it refused. */
  readonly states: { readonly previous: string; readonly current: string } | null;
  /** EC2's code when it refused. */
  readonly refusedWith: string | null;
}

/** An EC2 request as far as the crash test looks into it. */
export interface Ec2Call {
  readonly action: string;
  /** Those named in the request, by id or in a filter. */
  readonly instanceIds: readonly string[];
}

export function ec2CallOf(exchange: Exchange): Ec2Call {
  const params = new URLSearchParams(exchange.body);
  const instanceIds = [...params].flatMap(([name, value]) =>
    /^(InstanceId\.\d+|Filter\.\d+\.Value\.\d+)$/.test(name) ? [value] : [],
  );
  return { action: params.get('Action') ?? '', instanceIds };
}

/** True when EC2 did something: the instance was in another state before. */
export function moved({ states }: PowerCall): boolean {
  return states !== null && states.previous !== states.current;
}

/** @returns undefined for a call that changes nothing by its nature */
export function powerCallOf(exchange: Exchange): PowerCall | undefined {
  const { action, instanceIds } = ec2CallOf(exchange);
  const instanceId = instanceIds[0];
  const { answer } = exchange;
  if ((action !== 'StopInstances' && action !== 'StartInstances') || instanceId === undefined || !answer) {
    return undefined;
  }
  const previous = stateIn(answer.body, 'previousState');
  const current = stateIn(answer.body, 'currentState');
  const states = previous !== undefined && current !== undefined ? { previous, current } : null;
  const refusedWith = states ? null : (/<Code>([^<]*)<\/Code>/.exec(answer.body)?.[1] ?? `HTTP ${answer.status}`);
  const { arrivedAt, signedBy } = exchange;
  return { action, instanceId, signedBy, arrivedAt, doneAt: answer.at, states, refusedWith };
}

function stateIn(xml: string, element: string): string | undefined {
  return new RegExp(`<${element}>.*?<name>([a-z-]+)</name>.*?</${element}>`, 's').exec(xml)?.[1];
}
