import type { TelemetryReading } from '../domain/telemetry.js';
import { TelemetryReader, readTelemetry } from '../domain/telemetry-filter.js';
import type { TelemetryQuestion } from './cml-api.port.js';
import { JsonArrayReader, parseJsonArray } from './json-array-reader.js';
import { ParsingThread } from './parsing-thread.js';
import type { ThreadAnswer } from './parsing-thread.js';

/** Answers up to here are parsed where they arrive, in less time than it takes to hand them on. */
const HERE_BYTES = 64 * 1024;

/** Answers up to here are parsed as a whole, in a few milliseconds; larger ones block by block, each of this size. */
const WHOLE_BYTES = 1024 * 1024;

/** Run from its TypeScript source, as tests do, there is no compiled file that a thread could start from. */
const THREAD_FILE = import.meta.url.endsWith('.js') ? new URL('./telemetry-parser.worker.js', import.meta.url) : null;

export interface TelemetryParserOptions {
  /** The compiled telemetry-parser.worker; null: large answers are parsed here too, still block by block. */
  readonly threadFile?: URL | null;
  /** Milliseconds without work after which the thread ends. */
  readonly idleMs?: number;
  /** Milliseconds the thread may take over one block (1 MiB) before it is given up. */
  readonly patienceMs?: number;
}

/** An answer that is being read. What it refuses it refuses with {@link NotAnArray} or {@link ParserCrashed}. */
export interface IncomingAnswer {
  /** Takes the next bytes; when it gives a promise, wait for it before the next ones. */
  push(chunk: Uint8Array): void | Promise<void>;
  /** Says that that was all. */
  end(): TelemetryReading | Promise<TelemetryReading>;
  /** Drops an answer that will not be complete. */
  cancel(): void;
}

/** Turns the bytes of telemetry answers into readings, without holding up anything else. */
export class TelemetryParser {
  private readonly thread: ParsingThread | null;

  constructor(options: TelemetryParserOptions = {}) {
    const { threadFile: file = THREAD_FILE, idleMs = 10_000, patienceMs = 30_000 } = options;
    this.thread = file === null ? null : new ParsingThread({ file, idleMs, patienceMs });
  }

  begin(question: TelemetryQuestion): IncomingAnswer {
    return new SmallAnswer(question, this.thread);
  }

  async close(): Promise<void> {
    await this.thread?.close();
  }
}

/** Collects an answer as long as it can be parsed as a whole, and hands it on when it turns out to be larger. */
class SmallAnswer implements IncomingAnswer {
  private chunks: Uint8Array[] = [];
  private bytes = 0;
  private large: IncomingAnswer | null = null;

  constructor(
    private readonly question: TelemetryQuestion,
    /** Null: there is none, everything is parsed here. */
    private readonly thread: ParsingThread | null,
  ) {}

  push(chunk: Uint8Array): void | Promise<void> {
    if (this.large !== null) return this.large.push(chunk);
    this.chunks.push(chunk);
    this.bytes += chunk.length;
    if (this.bytes <= WHOLE_BYTES) return;
    const { question, thread } = this;
    this.large = thread === null ? new AnswerHere(question) : new AnswerInThread(thread.begin(question));
    return this.large.push(this.collected());
  }

  end(): TelemetryReading | Promise<TelemetryReading> {
    if (this.large !== null) return this.large.end();
    const { question, thread } = this;
    if (thread === null || this.bytes <= HERE_BYTES) return readTelemetry(parseJsonArray(this.collected()), question);
    return thread.read(question, this.collected().buffer);
  }

  cancel(): void {
    this.chunks = [];
    this.large?.cancel();
  }

  /** In memory of its own when it is more than {@link HERE_BYTES}: Node's pool has no pieces as large. */
  private collected(): Buffer<ArrayBuffer> {
    const whole = Buffer.concat(this.chunks, this.bytes);
    this.chunks = [];
    return whole;
  }
}

/** Parses a large answer in this thread. */
class AnswerHere implements IncomingAnswer {
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
  private block = new Uint8Array(WHOLE_BYTES);
  private filled = 0;

  constructor(private readonly answer: ThreadAnswer) {}

  async push(chunk: Uint8Array): Promise<void> {
    for (let from = 0; from < chunk.length;) {
      const part = chunk.subarray(from, from + this.block.length - this.filled);
      this.block.set(part, this.filled);
      this.filled += part.length;
      from += part.length;
      if (this.filled === this.block.length) await this.flush();
    }
  }

  async end(): Promise<TelemetryReading> {
    await this.flush();
    this.answer.end();
    return this.answer.result;
  }

  cancel(): void {
    this.answer.cancel();
  }

  private flush(): Promise<void> {
    const full = this.block.buffer.transfer(this.filled);
    this.block = new Uint8Array(WHOLE_BYTES);
    this.filled = 0;
    return this.answer.push(full);
  }
}
