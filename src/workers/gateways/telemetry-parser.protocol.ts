import type { TelemetryReading } from '../domain/telemetry.js';
import type { TelemetryQuestion } from './cml-api.port.js';

/** Bytes that lie one after another in the answer. Their memory goes to the thread with them. */
export type Bytes = readonly Uint8Array<ArrayBuffer>[];

/**
 * What the main thread tells the parsing thread: a `whole` answer, or one in blocks. `id` is the answer that is spoken of.
 */
export type ToParser =
  | { readonly type: 'whole'; readonly id: number; readonly question: TelemetryQuestion; readonly bytes: Bytes }
  | { readonly type: 'begin'; readonly id: number; readonly question: TelemetryQuestion }
  | { readonly type: 'block'; readonly id: number; readonly bytes: Bytes }
  | { readonly type: 'end'; readonly id: number }
  | { readonly type: 'cancel'; readonly id: number };

/**
 * What the parsing thread says: `taken` once for each whole, block and end, and one of the others once for each answer that
 * was not cancelled.
 */
export type FromParser =
  | { readonly type: 'taken' }
  | { readonly type: 'read'; readonly id: number; readonly reading: TelemetryReading }
  | {
      readonly type: 'refused';
      readonly id: number;
      readonly failure: 'not_json' | 'not_array';
      readonly message: string;
    };
