import type { TelemetryReading } from '../domain/telemetry.js';
import type { TelemetryQuestion } from './cml-api.port.js';

/** Memory on its way between the threads, which is reused: `bytes` of the block are part of an answer. */
export interface Block {
  readonly block: ArrayBuffer;
  readonly bytes: number;
}

/**
 * What the main thread tells the parsing thread: a `whole` answer, or one in blocks. `id` is the answer that is spoken of.
 */
export type ToParser =
  | ({ readonly type: 'whole'; readonly id: number; readonly question: TelemetryQuestion } & Block)
  | { readonly type: 'begin'; readonly id: number; readonly question: TelemetryQuestion }
  | ({ readonly type: 'block'; readonly id: number } & Block)
  | { readonly type: 'end'; readonly id: number }
  | { readonly type: 'cancel'; readonly id: number };

/**
 * What the parsing thread says: `taken` once for each whole, block and end, with the block given back, and one of the others
 * once for each answer that was not cancelled.
 */
export type FromParser =
  | { readonly type: 'taken'; readonly block: ArrayBuffer | null }
  | { readonly type: 'read'; readonly id: number; readonly reading: TelemetryReading }
  | {
      readonly type: 'refused';
      readonly id: number;
      readonly failure: 'not_json' | 'not_array';
      readonly message: string;
    };
