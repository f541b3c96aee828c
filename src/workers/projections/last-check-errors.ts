import { Injectable } from '@nestjs/common';
import type { Collection } from '../../platform/read-models/read-model-store.port.js';
import { ReadModelStore } from '../../platform/read-models/read-model-store.port.js';

/** Why the last check of a worker's telemetry failed. */
export interface CheckError {
  /** Epoch ms. */
  readonly at: number;
  readonly code: string;
  readonly failure: string;
  readonly message: string;
}

/** What tells whether a failed check is the last one. */
interface CheckedWorker {
  readonly worker_id: string;
  /** When a check last succeeded, epoch ms. */
  readonly last_activity_check_at: number | null;
}

/**
 * Failed checks are signals, not events: the last one of each worker is kept beside the read model, where queries find
 * it. It holds until a check succeeds.
 */
@Injectable()
export class LastCheckErrors {
  private opened: Promise<Collection<CheckError>> | undefined;

  constructor(private readonly readModels: ReadModelStore) {}

  /** @param at epoch ms */
  async put(workerId: string, at: number, { code, failure, message }: Omit<CheckError, 'at'>): Promise<void> {
    await (await this.collection()).put(workerId, { at, code, failure, message });
  }

  /** A check has succeeded. */
  async clear(workerId: string): Promise<void> {
    const errors = await this.collection();
    if (await errors.get(workerId)) await errors.delete(workerId);
  }

  /**
   * The error of the worker's last check, or null when the last check (`lastCheckAt`, epoch ms) succeeded. The time tells
   * also when the process died between a good check and its {@link clear}.
   */
  async of(workerId: string, lastCheckAt: number | null): Promise<CheckError | null> {
    const worker = { worker_id: workerId, last_activity_check_at: lastCheckAt };
    return (await this.ofMany([worker])).get(workerId) ?? null;
  }

  /** The same of several workers, by id, for those whose last check failed. */
  async ofMany(workers: readonly CheckedWorker[]): Promise<ReadonlyMap<string, CheckError>> {
    const found = await (await this.collection()).getMany(workers.map(({ worker_id }) => worker_id));
    const errors = new Map(found.map(({ id, document }) => [id, document]));
    for (const { worker_id, last_activity_check_at: checkedAt } of workers) {
      const error = errors.get(worker_id);
      if (error && checkedAt !== null && error.at < checkedAt) errors.delete(worker_id);
    }
    return errors;
  }

  private collection(): Promise<Collection<CheckError>> {
    this.opened ??= this.readModels.collection<CheckError>({ name: 'worker_check_errors' }).catch((error: unknown) => {
      this.opened = undefined;
      throw error;
    });
    return this.opened;
  }
}
