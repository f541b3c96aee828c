import { Injectable } from '@nestjs/common';

/** Something that a context does all the time while the service runs, beside requests, projections and jobs. */
export interface BackgroundTask {
  /** For messages. */
  readonly name: string;
  /** Begins; returns at once. What fails later is the task's own to retry. */
  start(): void;
  /** Ends: what is under way is finished or handed back. Idempotent. */
  stop(): Promise<void>;
}

/** What contexts do in the background. The service starts it when it serves, and not for a single command. */
@Injectable()
export class BackgroundWork {
  private readonly tasks: BackgroundTask[] = [];

  register(task: BackgroundTask): void {
    this.tasks.push(task);
  }

  start(): void {
    for (const task of this.tasks) task.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.tasks.map((task) => task.stop()));
  }
}
