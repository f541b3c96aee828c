import { describe, expect, it } from '@jest/globals';
import { RetryWhenNothingWasDone } from './ec2-retry.js';

type Info = Parameters<RetryWhenNothingWasDone['refreshRetryTokenForRetry']>[1];

function failure(metadata: NonNullable<NonNullable<Info['error']>['$metadata']> = {}): NonNullable<Info['error']> {
  return { name: 'Error', message: 'no', $metadata: metadata };
}

describe('a call that changes something', () => {
  it('is repeated when it was throttled, after waits that may grow, a bounded number of times', async () => {
    const strategy = new RetryWhenNothingWasDone(4, () => 0.5);
    let token = await strategy.acquireInitialRetryToken();
    const waits: number[] = [];
    for (let i = 0; i < 3; i += 1) {
      token = await strategy.refreshRetryTokenForRetry(token, { errorType: 'THROTTLING' });
      waits.push(token.getRetryDelay());
    }
    expect(waits).toEqual([500, 1_000, 2_000]);
    expect(token.getRetryCount()).toBe(3);
    await expect(strategy.refreshRetryTokenForRetry(token, { errorType: 'THROTTLING' })).rejects.toThrow();
  });

  it('never waits longer than 20 seconds', async () => {
    const strategy = new RetryWhenNothingWasDone(100, () => 1);
    let token = await strategy.acquireInitialRetryToken();
    for (let i = 0; i < 50; i += 1)
      token = await strategy.refreshRetryTokenForRetry(token, { errorType: 'THROTTLING' });
    expect(token.getRetryDelay()).toBe(20_000);
  });

  it('is repeated when its signature was refused for a clock that the SDK has corrected since', async () => {
    const strategy = new RetryWhenNothingWasDone(2, () => 0);
    const info: Info = { errorType: 'TRANSIENT', error: failure({ clockSkewCorrected: true, httpStatusCode: 401 }) };
    const token = await strategy.refreshRetryTokenForRetry(await strategy.acquireInitialRetryToken(), info);
    expect(token.getRetryCount()).toBe(1);
  });

  it.each<[string, Info]>([
    ['a time-out or a lost connection', { errorType: 'TRANSIENT', error: failure() }],
    ['a 5xx', { errorType: 'SERVER_ERROR', error: failure({ httpStatusCode: 500 }) }],
    [
      'a 5xx while the clock was corrected',
      { errorType: 'TRANSIENT', error: failure({ clockSkewCorrected: true, httpStatusCode: 503 }) },
    ],
    ['a refusal', { errorType: 'CLIENT_ERROR', error: failure({ httpStatusCode: 403 }) }],
  ])('is not repeated after %s', async (_, info) => {
    const strategy = new RetryWhenNothingWasDone(5, () => 0);
    await expect(strategy.refreshRetryTokenForRetry(await strategy.acquireInitialRetryToken(), info)).rejects.toThrow();
  });
});
