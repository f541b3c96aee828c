import type { TelemetryReading } from '../domain/telemetry.js';
import type { TelemetryQuestion } from '../domain/telemetry-filter.js';
import { DormouseError } from '../../platform/errors.js';

/** What the service needs of a CML server. `{cml_endpoint}/api/v0` is its base. */
export abstract class CmlApi {
  /**
   * Reads `GET /telemetry/events` (the full history each time) and says what is new in it.
   * The answer is parsed and filtered where it does not block other requests, and only the bounded reading comes back.
   *
   * @throws {TelemetryUnavailable}
   */
  abstract readTelemetry(endpoint: string, question: TelemetryQuestion): Promise<CmlTelemetry>;

  abstract close(): Promise<void>;
}

export type { TelemetryQuestion };

export interface CmlTelemetry extends TelemetryReading {
  /** CML's clock (its `Date` header) minus ours at the time of the answer, ms; null when it sent none. */
  readonly clockSkewMs: number | null;
}

export type TelemetryFailure =
  | 'timeout'
  | 'unreachable'
  | 'tls'
  | 'login_denied'
  | 'unauthorized'
  | 'http_status'
  | 'not_json'
  | 'not_array'
  | 'too_large'
  | 'parser_failed'
  | 'no_credentials'
  | 'no_endpoint';

/** 502: the telemetry could not be read. Never idleness: nothing moves, nothing is paused. */
export class TelemetryUnavailable extends DormouseError {
  constructor(
    readonly failure: TelemetryFailure,
    message: string,
    options?: ErrorOptions,
  ) {
    super('telemetry_unavailable', 502, message, { failure }, options);
  }

  /** The same error with further members for its problem document. */
  withDetails(details: Readonly<Record<string, unknown>>): DormouseError {
    return new DormouseError(this.code, this.status, this.message, { ...this.details, ...details }, { cause: this });
  }
}
