import type { EC2ClientConfig } from './ec2-sdk.js';

/** The SDK's interface of a retry strategy; it exports no name for it. */
type SdkRetryStrategy = Extract<NonNullable<EC2ClientConfig['retryStrategy']>, { acquireInitialRetryToken: unknown }>;
type RetryToken = Awaited<ReturnType<SdkRetryStrategy['acquireInitialRetryToken']>>;
type RetryErrorInfo = Parameters<SdkRetryStrategy['refreshRetryTokenForRetry']>[1];

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 20_000;

/**
 * For calls that change something: repeated only when EC2 is certain to have done nothing, because it throttled the call
 * or because it refused a signature of a clock that the SDK has corrected since. Never after a time-out, a lost
 * connection or a 5xx. Waits a random time that doubles at most (full jitter), so that callers do not come back together.
 */
export class RetryWhenNothingWasDone implements SdkRetryStrategy {
  /** @param random 0 to 1 */
  constructor(
    private readonly maxAttempts: number,
    private readonly random: () => number,
  ) {}

  acquireInitialRetryToken(): Promise<RetryToken> {
    return Promise.resolve(token(0, 0));
  }

  refreshRetryTokenForRetry(before: RetryToken, info: RetryErrorInfo): Promise<RetryToken> {
    const retries = before.getRetryCount() + 1;
    if (retries >= this.maxAttempts || !nothingWasDone(info)) {
      return Promise.reject(new Error('The call is not repeated.', { cause: info.error }));
    }
    const longest = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** retries);
    return Promise.resolve(token(retries, this.random() * longest));
  }

  recordSuccess(): void {
    // There is no budget of retries to give back to.
  }
}

function nothingWasDone({ error, errorType }: RetryErrorInfo): boolean {
  const answer = error?.$metadata;
  const refusedForItsClock = answer?.clockSkewCorrected === true && (answer.httpStatusCode ?? 500) < 500;
  return errorType === 'THROTTLING' || refusedForItsClock;
}

function token(retries: number, delayMs: number): RetryToken {
  return { getRetryCount: () => retries, getRetryDelay: () => delayMs };
}
