import { describe, expect, it } from '@jest/globals';
import { ec2CallOf, moved, powerCallOf } from './ec2-log.js';
import type { Exchange } from './recording-proxy.js';

function exchange(body: string, answer: string, status = 200): Exchange {
  return {
    method: 'POST',
    path: '/',
    body,
    arrivedAt: 1,
    begunBy: 1,
    signedBy: 'AKID',
    answer: { status, body: answer, at: 2 },
  };
}

const STOPPING = `<StopInstancesResponse><instancesSet><item><instanceId>i-1</instanceId>
  <currentState><code>64</code><name>stopping</name></currentState>
  <previousState><code>16</code><name>running</name></previousState></item></instancesSet></StopInstancesResponse>`;

describe('What the recording proxy understands of EC2', () => {
  it('a stop that EC2 carried out moved the instance', () => {
    const call = powerCallOf(exchange('Action=StopInstances&InstanceId.1=i-1', STOPPING));
    expect(call).toEqual({
      action: 'StopInstances',
      instanceId: 'i-1',
      signedBy: 'AKID',
      arrivedAt: 1,
      doneAt: 2,
      states: { previous: 'running', current: 'stopping' },
      refusedWith: null,
    });
    expect(call && moved(call)).toBe(true);
  });

  it('a stop that EC2 refused moved nothing', () => {
    const refusal = '<Response><Errors><Error><Code>IncorrectInstanceState</Code></Error></Errors></Response>';
    const call = powerCallOf(exchange('Action=StopInstances&InstanceId.1=i-1', refusal, 400));
    expect(call?.refusedWith).toBe('IncorrectInstanceState');
    expect(call && moved(call)).toBe(false);
  });

  it('a stop of a stopping instance moved nothing', () => {
    const call = powerCallOf(
      exchange('Action=StopInstances&InstanceId.1=i-1', STOPPING.replace('running', 'stopping')),
    );
    expect(call && moved(call)).toBe(false);
  });

  it('a DescribeInstances names its instances in a filter', () => {
    const body = 'Action=DescribeInstances&Filter.1.Name=instance-id&Filter.1.Value.1=i-1&Filter.1.Value.2=i-2';
    expect(ec2CallOf(exchange(body, ''))).toEqual({ action: 'DescribeInstances', instanceIds: ['i-1', 'i-2'] });
    expect(powerCallOf(exchange(body, ''))).toBeUndefined();
  });
});
