import { Worker } from 'node:worker_threads';
import type { TelemetryReading } from '../domain/telemetry.js';
import type { TelemetryQuestion } from './cml-api.port.js';
import { NotAnArray } from './json-array-reader.js';
import type { FromParser, ToParser } from './telemetry-parser.protocol.js';

/** The parsing thread ended under an answer: out of memory, or a defect. The next answer starts another. */
export class ParserCrashed extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ParserCrashed';
  }
}

/** Heap of the thread. It needs a few MiB; an answer that needs more than this ends the thread, not the service. */
const HEAP_MIB = 256;

interface Waiting {
  readonly resolve: (reading: TelemetryReading) => void;
  readonly reject: (reason: Error) => void;
}

/**
 * A worker thread that parses large answers: started when one comes, ended after some idle time. It keeps the process
 * alive only while an answer is in it.
 */
export class ParsingThread {
  private worker: Worker | null = null;
  private readonly waiting = new Map<number, Waiting>();
  private lastId = 0;
  private idleTimer: NodeJS.Timeout | undefined;

  /**
   * @param file the compiled telemetry-parser.worker
   * @param idleMs how long the thread is kept without work
   */
  constructor(
    private readonly file: URL,
    private readonly idleMs: number,
  ) {}

  /** Opens an answer in the thread. Its `result` rejects with {@link NotAnArray} or {@link ParserCrashed}. */
  begin(question: TelemetryQuestion): ThreadAnswer {
    const worker = this.running();
    this.lastId += 1;
    const id = this.lastId;
    const result = new Promise<TelemetryReading>((resolve, reject) => this.waiting.set(id, { resolve, reject }));
    // A refusal may come while the rest of the answer is still being sent: it waits for whoever asks for the result.
    result.catch(() => undefined);
    post(worker, { type: 'begin', id, question });
    return {
      result,
      push: (block) => post(worker, { type: 'block', id, block }, [block]),
      end: () => post(worker, { type: 'end', id }),
      cancel: () => {
        post(worker, { type: 'cancel', id });
        this.settle(id);
      },
    };
  }

  /** Ends the thread, and with it whatever answer is in it. */
  async close(): Promise<void> {
    await this.stop(this.worker, new ParserCrashed('the service is stopping'));
  }

  /** Ends a thread that does not answer, and fails what is in it. */
  abandon(why: string): void {
    void this.stop(this.worker, new ParserCrashed(`the parsing thread was given up: ${why}`));
  }

  private running(): Worker {
    clearTimeout(this.idleTimer);
    if (this.worker !== null) {
      this.worker.ref();
      return this.worker;
    }
    const worker = new Worker(this.file, {
      name: 'telemetry-parser',
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB },
    });
    worker.on('message', (message: FromParser) => this.receive(message));
    worker.on('error', (error) => this.lost(worker, new ParserCrashed('the parsing thread failed', { cause: error })));
    worker.on('exit', () => this.lost(worker, new ParserCrashed('the parsing thread ended')));
    this.worker = worker;
    return worker;
  }

  private receive(message: FromParser): void {
    const waiting = this.settle(message.id);
    if (message.type === 'read') waiting?.resolve(message.reading);
    else waiting?.reject(new NotAnArray(message.failure, message.message));
  }

  private settle(id: number): Waiting | undefined {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    if (this.waiting.size === 0) this.rest();
    return waiting;
  }

  private rest(): void {
    const { worker } = this;
    if (worker === null) return;
    worker.unref();
    clearTimeout(this.idleTimer);
    this.idleTimer = setTimeout(() => void this.stop(worker, new ParserCrashed('the thread was idle')), this.idleMs);
    this.idleTimer.unref();
  }

  private async stop(worker: Worker | null, reason: Error): Promise<void> {
    if (worker === null) return;
    this.lost(worker, reason);
    await worker.terminate();
  }

  /** Forgets a thread and fails what was in it; one that was replaced meanwhile has nothing in it. */
  private lost(worker: Worker, reason: Error): void {
    if (this.worker !== worker) return;
    this.worker = null;
    clearTimeout(this.idleTimer);
    for (const waiting of this.waiting.values()) waiting.reject(reason);
    this.waiting.clear();
  }
}

/** One answer in the thread. */
export interface ThreadAnswer {
  readonly result: Promise<TelemetryReading>;
  /** Hands over the block: it can no longer be used here. */
  push(block: ArrayBuffer): void;
  end(): void;
  /** Drops the answer; its result never comes. */
  cancel(): void;
}

function post(worker: Worker, message: ToParser, transfer: readonly ArrayBuffer[] = []): void {
  worker.postMessage(message, transfer);
}
