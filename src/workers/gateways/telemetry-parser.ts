import type { TelemetryReading } from '../domain/telemetry.js';
import { TelemetryReader, readTelemetry } from '../domain/telemetry-filter.js';
import type { TelemetryQuestion } from './cml-api.port.js';
import { JsonArrayReader, parseJsonArray } from './json-array-reader.js';
import { ParsingThread } from './parsing-thread.js';
import type { ThreadAnswer } from './parsing-thread.js';

/** Answers up to here are parsed where they arrive, in less time than it takes to hand them on. */
const HERE_BYTES = 64 * 1024;

/** Answers up to here are parsed as a whole, in a few milliseconds; larger ones in blocks of about this size. */
const BLOCK_BYTES = 1024 * 1024;

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
  /** Takes the next bytes, with their memory, away. When it gives a promise, wait for it before the next ones. */
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

/** Collects an answer as long as it may be parsed here as a whole, and hands it on when it turns out to be larger. */
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
    if (this.bytes <= HERE_BYTES) return;
    const { question, thread } = this;
    this.large = thread === null ? new AnswerHere(question) : new AnswerInThread(question, thread);
    return this.handOn(this.large);
  }

  end(): TelemetryReading | Promise<TelemetryReading> {
    if (this.large !== null) return this.large.end();
    return readTelemetry(parseJsonArray(Buffer.concat(this.chunks, this.bytes)), this.question);
  }

  cancel(): void {
    this.chunks = [];
    this.large?.cancel();
  }

  private async handOn(large: IncomingAnswer): Promise<void> {
    const chunks = this.chunks;
    this.chunks = [];
    for (const chunk of chunks) await large.push(chunk);
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

/**
 * Sends a large answer to the parsing thread: as a whole, or in blocks when it is larger than one. Its memory goes with it:
 * left to this thread, whose heap is the larger one by far, it would keep the garbage collector busy.
 */
class AnswerInThread implements IncomingAnswer {
  private block: Uint8Array<ArrayBuffer>[] = [];
  private bytes = 0;
  private blocks: ThreadAnswer | null = null;

  constructor(
    private readonly question: TelemetryQuestion,
    private readonly thread: ParsingThread,
  ) {}

  push(chunk: Uint8Array): void | Promise<void> {
    this.block.push(inMemoryOfItsOwn(chunk));
    this.bytes += chunk.length;
    if (this.bytes < BLOCK_BYTES) return;
    this.blocks ??= this.thread.begin(this.question);
    return this.blocks.push(this.takeBlock());
  }

  async end(): Promise<TelemetryReading> {
    if (this.blocks === null) return this.thread.read(this.question, this.takeBlock());
    await this.blocks.push(this.takeBlock());
    this.blocks.end();
    return this.blocks.result;
  }

  cancel(): void {
    this.block = [];
    this.blocks?.cancel();
  }

  private takeBlock(): Uint8Array<ArrayBuffer>[] {
    const { block } = this;
    this.block = [];
    this.bytes = 0;
    return block;
  }
}

/** The chunk itself when it is all that is in its memory, else a copy: nobody else's bytes are given away with it. */
function inMemoryOfItsOwn(chunk: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = chunk;
  const isAlone = buffer instanceof ArrayBuffer && buffer.byteLength === chunk.byteLength;
  return isAlone ? new Uint8Array(buffer) : new Uint8Array(chunk);
}
