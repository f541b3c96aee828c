/** One request to a receiver. */
export interface WebhookRequest {
  readonly url: string;
  /** The event's id. */
  readonly id: string;
  /** CloudEvents 1.0, structured mode. */
  readonly body: string;
  /** What it is signed with: one signature for each. */
  readonly secrets: readonly string[];
}

/**
 * What a request came to:
 * - `delivered`: answered with a 2xx status
 * - `gone`: 410, the receiver wants nothing any more
 * - `refused`: another status
 * - `redirected`: a redirect, which is not followed
 * - `timeout`: no whole answer within the time limit
 * - `unreachable`: no connection, or one that broke
 * - `forbidden_address`: the target is on a private network
 */
export const DELIVERY_OUTCOMES = [
  'delivered',
  'gone',
  'refused',
  'redirected',
  'timeout',
  'unreachable',
  'forbidden_address',
] as const;
export type DeliveryOutcome = (typeof DELIVERY_OUTCOMES)[number];

export interface WebhookAnswer {
  readonly outcome: DeliveryOutcome;
  /** HTTP status; null when there was none. */
  readonly status: number | null;
  /** For people; empty when delivered. */
  readonly message: string;
  /** What the receiver asks to wait for, ms. */
  readonly retryAfterMs?: number;
}

/** Sends webhooks. */
export abstract class WebhookSender {
  /**
   * Sends once. Never throws because of the receiver.
   * @throws the signal's reason when `signal` aborts: whether the receiver took it is not known
   */
  abstract send(request: WebhookRequest, signal: AbortSignal): Promise<WebhookAnswer>;

  /** Ends all connections. */
  abstract close(): Promise<void>;
}
