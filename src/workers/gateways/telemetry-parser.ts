import type { TelemetryReading } from '../domain/telemetry.js';
import { TelemetryReader, readTelemetry } from '../domain/telemetry-filter.js';
import type { TelemetryQuestion } from './cml-api.port.js';
import { JsonArrayReader, parseJsonArray } from './json-array-reader.js';
import { ParsingThread } from './parsing-thread.js';
import type { ThreadAnswer } from './parsing-thread.js';

/** Answers up to here are parsed where they arrive, in a few milliseconds; larger ones go to the parsing thread. */
const INLINE_BYTES = 1024 * 1024;

/** How long the parsing thread is kept without work. */
const IDLE_MS = 10_000;

/** Run from its TypeScript source, as tests do, there is no compiled file that a thread could start from. */
const THREAD_FILE = import.meta.url.endsWith('.js') ? new URL('./telemetry-parser.worker.js', import.meta.url) : null;

export interface TelemetryParserOptions {
  /** The compiled telemetry-parser.worker; null: large answers are parsed here too, still block by block. */
  readonly threadFile?: URL | null;
  /** Milliseconds without work after which the thread ends. */
  readonly idleMs?: number;
  /** Milliseconds the thread may take after the last byte before it is given up. */
  readonly patienceMs?: number;
}

/** An answer that is being read. */
export interface IncomingAnswer {
  /** Takes the next bytes. @throws {NotAnArray} */
  push(chunk: Uint8Array): void;
  /** Says that that was all. Throws or rejects with {@link NotAnArray} or {@link ParserCrashed}. */
  end(): TelemetryReading | Promise<TelemetryReading>;
  /** Drops an answer that will not be complete. */
  cancel(): void;
}

/** Turns the bytes of telemetry answers into readings, without holding up anything else. */
export class TelemetryParser {
  private readonly thread: ParsingThread | null;
  private readonly patienceMs: number;

  constructor(options: TelemetryParserOptions = {}) {
    const file = options.threadFile === undefined ? THREAD_FILE : options.threadFile;
    this.thread = file === null ? null : new ParsingThread(file, options.idleMs ?? IDLE_MS);
    this.patienceMs = options.patienceMs ?? 30_000;
  }

  begin(question: TelemetryQuestion): IncomingAnswer {
    const { thread, patienceMs } = this;
    return new SmallAnswer(question, () =>
      thread === null ? new BlockwiseAnswer(question) : new AnswerInThread(thread, question, patienceMs),
    );
  }

  async close(): Promise<void> {
    await this.thread?.close();
  }
}

/** Collects an answer as long as it is small, and hands it on when it turns out not to be. */
class SmallAnswer implements IncomingAnswer {
  private chunks: Uint8Array[] = [];
  private bytes = 0;
  private large: IncomingAnswer | null = null;

  constructor(
    private readonly question: TelemetryQuestion,
    private readonly openLarge: () => IncomingAnswer,
  ) {}

  push(chunk: Uint8Array): void {
    if (this.large !== null) return this.large.push(chunk);
    this.chunks.push(chunk);
    this.bytes += chunk.length;
    if (this.bytes <= INLINE_BYTES) return;
    this.large = this.openLarge();
    for (const earlier of this.chunks) this.large.push(earlier);
    this.chunks = [];
  }

  end(): TelemetryReading | Promise<TelemetryReading> {
    if (this.large !== null) return this.large.end();
    return readTelemetry(parseJsonArray(Buffer.concat(this.chunks, this.bytes)), this.question);
  }

  cancel(): void {
    this.chunks = [];
    this.large?.cancel();
  }
}

/** Parses a large answer in this thread. */
class BlockwiseAnswer implements IncomingAnswer {
  private readonly telemetry: TelemetryReader;
  private readonly elements: JsonArrayReader;

  constructor(question: TelemetryQuestion) {
    const telemetry = new TelemetryReader(question);
    this.telemetry = telemetry;
    this.elements = new JsonArrayReader((element) => telemetry.add(element));
  }

  push(chunk: Uint8Array): void {
    this.elements.push(chunk);
  }

  end(): TelemetryReading {
    this.elements.end();
    return this.telemetry.reading();
  }

  cancel(): void {
    // Nothing is held but this object.
  }
}

/** Sends a large answer to the parsing thread, in blocks of its own: a chunk's memory still belongs to the connection. */
class AnswerInThread implements IncomingAnswer {
  private readonly answer: ThreadAnswer;
  private block = new Uint8Array(INLINE_BYTES);
  private filled = 0;

  constructor(
    private readonly thread: ParsingThread,
    question: TelemetryQuestion,
    private readonly patienceMs: number,
  ) {
    this.answer = thread.begin(question);
  }

  push(chunk: Uint8Array): void {
    for (let from = 0; from < chunk.length;) {
      const part = chunk.subarray(from, from + this.block.length - this.filled);
      this.block.set(part, this.filled);
      this.filled += part.length;
      from += part.length;
      if (this.filled === this.block.length) this.flush();
    }
  }

  async end(): Promise<TelemetryReading> {
    this.flush();
    this.answer.end();
    const impatience = setTimeout(
      () => this.thread.abandon(`it took more than ${this.patienceMs} ms`),
      this.patienceMs,
    );
    try {
      return await this.answer.result;
    } finally {
      clearTimeout(impatience);
    }
  }

  cancel(): void {
    this.answer.cancel();
  }

  private flush(): void {
    this.answer.push(this.block.buffer.transfer(this.filled));
    this.block = new Uint8Array(INLINE_BYTES);
    this.filled = 0;
  }
}
