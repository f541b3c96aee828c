import { Worker } from 'node:worker_threads';
import type { TelemetryReading } from '../domain/telemetry.js';
import type { TelemetryQuestion } from './cml-api.port.js';
import { NotAnArray } from './json-array-reader.js';
import type { Bytes, FromParser, ToParser } from './telemetry-parser.protocol.js';

/** The parsing thread ended under an answer: out of memory, stuck, or a defect. The next answer starts another. */
export class ParserCrashed extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ParserCrashed';
  }
}

export interface ParsingThreadOptions {
  /** The compiled telemetry-parser.worker. */
  readonly file: URL;
  /** Milliseconds without work after which the thread is ended. */
  readonly idleMs: number;
  /** Milliseconds the thread may take over one block before it is given up. */
  readonly patienceMs: number;
}

/** One answer in the thread. */
export interface ThreadAnswer {
  /** Rejects with {@link NotAnArray} or {@link ParserCrashed}. */
  readonly result: Promise<TelemetryReading>;
  /** Hands over a block, whose memory can no longer be used here. Done when the thread has room for another. */
  push(block: Bytes): Promise<void>;
  end(): void;
  /** Drops the answer; its result never comes. */
  cancel(): void;
}

interface Waiting {
  readonly resolve: (reading: TelemetryReading) => void;
  readonly reject: (reason: Error) => void;
}

/** Heap of the thread, MiB. It needs a fraction; an answer that needs more than this ends the thread, not the service. */
const HEAP_MIB = 256;

/** So many blocks may wait in the thread's queue, of all answers together: it bounds their memory. */
const MAX_UNREAD = 8;

/**
 * A worker thread that parses large answers: started when one comes, ended after some idle time. It keeps the process
 * alive only while an answer is in it.
 */
export class ParsingThread {
  private worker: Worker | null = null;
  private readonly waiting = new Map<number, Waiting>();
  private lastId = 0;
  /** Blocks and ends that the thread has not taken yet. */
  private unread = 0;
  private waitingForRoom: (() => void)[] = [];
  private idleTimer: NodeJS.Timeout | undefined;
  private patienceTimer: NodeJS.Timeout | undefined;

  constructor(private readonly options: ParsingThreadOptions) {}

  /** Reads a whole answer, whose memory can no longer be used here. @throws {NotAnArray} @throws {ParserCrashed} */
  async read(question: TelemetryQuestion, bytes: Bytes): Promise<TelemetryReading> {
    const worker = this.running();
    const { id, result } = this.expect();
    await this.hand(worker, { type: 'whole', id, question, bytes }, bytes);
    return result;
  }

  /** Opens an answer in the thread. */
  begin(question: TelemetryQuestion): ThreadAnswer {
    const worker = this.running();
    const { id, result } = this.expect();
    post(worker, { type: 'begin', id, question });
    return {
      result,
      push: (bytes) => this.hand(worker, { type: 'block', id, bytes }, bytes),
      end: () => void this.hand(worker, { type: 'end', id }, []),
      cancel: () => {
        post(worker, { type: 'cancel', id });
        this.settle(id);
      },
    };
  }

  /** Ends the thread, and with it whatever answer is in it. */
  async close(): Promise<void> {
    await this.stop('the service is stopping');
  }

  private expect(): { id: number; result: Promise<TelemetryReading> } {
    this.lastId += 1;
    const id = this.lastId;
    const result = new Promise<TelemetryReading>((resolve, reject) => this.waiting.set(id, { resolve, reject }));
    // A refusal may come while the rest of the answer is still being sent: it waits for whoever asks for the result.
    result.catch(() => undefined);
    return { id, result };
  }

  private running(): Worker {
    clearTimeout(this.idleTimer);
    if (this.worker !== null) {
      this.worker.ref();
      return this.worker;
    }
    const resourceLimits = { maxOldGenerationSizeMb: HEAP_MIB };
    const worker = new Worker(this.options.file, { name: 'telemetry-parser', resourceLimits });
    worker.on('message', (message: FromParser) => this.receive(worker, message));
    worker.on('error', (error) => this.lost(worker, new ParserCrashed('the parsing thread failed', { cause: error })));
    worker.on('exit', () => this.lost(worker, new ParserCrashed('the parsing thread ended')));
    this.worker = worker;
    return worker;
  }

  private async hand(worker: Worker, message: ToParser, bytes: Bytes): Promise<void> {
    if (worker !== this.worker) return;
    post(worker, message, bytes);
    this.unread += 1;
    if (this.unread === 1) this.bePatient();
    if (this.unread >= MAX_UNREAD) await new Promise<void>((resolve) => this.waitingForRoom.push(resolve));
  }

  private receive(worker: Worker, message: FromParser): void {
    if (worker !== this.worker) return;
    if (message.type === 'taken') {
      this.unread -= 1;
      this.bePatient();
      if (this.unread < MAX_UNREAD) this.letIn();
      return;
    }
    const waiting = this.settle(message.id);
    if (message.type === 'read') waiting?.resolve(message.reading);
    else waiting?.reject(new NotAnArray(message.failure, message.message));
  }

  /** From now on the thread has its time for the next block, if it has one. */
  private bePatient(): void {
    clearTimeout(this.patienceTimer);
    if (this.unread === 0) return;
    const { patienceMs } = this.options;
    this.patienceTimer = setTimeout(() => void this.stop(`it was stuck for ${patienceMs} ms`), patienceMs);
  }

  private letIn(): void {
    const waitingForRoom = this.waitingForRoom;
    this.waitingForRoom = [];
    for (const goOn of waitingForRoom) goOn();
  }

  private settle(id: number): Waiting | undefined {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    if (this.waiting.size === 0) this.rest();
    return waiting;
  }

  private rest(): void {
    this.worker?.unref();
    clearTimeout(this.idleTimer);
    this.idleTimer = setTimeout(() => void this.stop('it was idle'), this.options.idleMs);
    this.idleTimer.unref();
  }

  private async stop(why: string): Promise<void> {
    const { worker } = this;
    if (worker === null) return;
    this.lost(worker, new ParserCrashed(`the parsing thread was ended: ${why}`));
    await worker.terminate();
  }

  /** Forgets a thread and fails what was in it. One that was replaced meanwhile has nothing in it. */
  private lost(worker: Worker, reason: Error): void {
    if (this.worker !== worker) return;
    this.worker = null;
    this.unread = 0;
    clearTimeout(this.idleTimer);
    clearTimeout(this.patienceTimer);
    for (const waiting of this.waiting.values()) waiting.reject(reason);
    this.waiting.clear();
    this.letIn();
  }
}

/** Sends a message, and the memory of its bytes with it. */
function post(worker: Worker, message: ToParser, bytes: Bytes = []): void {
  worker.postMessage(
    message,
    bytes.map(({ buffer }) => buffer),
  );
}
