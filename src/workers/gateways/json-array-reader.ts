/** The answer is not what it should be: text that is no JSON, or JSON that is no array. */
export class NotAnArray extends Error {
  constructor(
    readonly failure: 'not_json' | 'not_array',
    message: string,
  ) {
    super(message);
    this.name = 'NotAnArray';
  }
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
/** What a JSON text that is no array begins with: an object, a string, a number, `true`, `false` or `null`. */
const OTHER_JSON = /^[{"\-0-9tfn]/;

/**
 * Parses a JSON array block by block and hands on its elements, so that an answer of any length takes the space of one
 * block and the longest element. It only looks for where elements end; each run of whole elements is `JSON.parse`d, and
 * together that accepts exactly the arrays that `JSON.parse` accepts.
 */
export class JsonArrayReader {
  /** 0 outside of the array, 1 between its elements, more inside of one. */
  private depth = 0;
  private inString = false;
  private afterBackslash = false;
  private phase: 'before' | 'inside' | 'after' = 'before';
  private anyElement = false;
  /** Bytes after the last whole element. */
  private pending: Uint8Array[] = [];

  /** @param take is handed every element, in order */
  constructor(private readonly take: (element: unknown) => void) {}

  /** Takes the next bytes of the answer, cut anywhere. They must not be changed afterwards. @throws {NotAnArray} */
  push(block: Uint8Array): void {
    const start = this.phase === 'before' ? this.findStart(block) : 0;
    if (this.phase === 'inside') this.readInside(block, start);
    else if (this.phase === 'after') refuseMore(block, start);
  }

  /** Says that the answer is complete. @throws {NotAnArray} */
  end(): void {
    if (this.phase === 'before') throw new NotAnArray('not_json', 'it is empty');
    if (this.phase === 'inside') throw new NotAnArray('not_json', 'it ends in the middle of the array');
  }

  /** Position after the opening bracket, or the block's end when only blanks were seen so far. */
  private findStart(block: Uint8Array): number {
    const at = block.findIndex((byte) => !isBlank(byte));
    if (at < 0) return block.length;
    if (block[at] !== OPEN_BRACKET) throw notAnArray(String.fromCharCode(block[at] ?? 0));
    this.phase = 'inside';
    this.depth = 1;
    return at + 1;
  }

  private readInside(block: Uint8Array, start: number): void {
    const scanned = this.scan(block, start);
    if (this.depth === 0) {
      this.parseRun(block.subarray(start, scanned.end), true);
      this.phase = 'after';
      refuseMore(block, scanned.end + 1);
    } else if (scanned.lastComma >= 0) {
      this.parseRun(block.subarray(start, scanned.lastComma), false);
      this.pending.push(block.subarray(scanned.lastComma + 1));
    } else {
      this.pending.push(block.subarray(start));
    }
  }

  /** Follows the nesting: where the last comma between elements is (-1: none), and where the array ends if it does. */
  private scan(block: Uint8Array, start: number): { lastComma: number; end: number } {
    let { depth, inString, afterBackslash } = this;
    let lastComma = -1;
    let at = start;
    for (; at < block.length && depth > 0; at += 1) {
      const byte = block[at];
      if (inString) {
        if (afterBackslash) afterBackslash = false;
        else if (byte === QUOTE) inString = false;
        else if (byte === BACKSLASH) afterBackslash = true;
      } else if (byte === QUOTE) inString = true;
      else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth += 1;
      else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth -= 1;
      else if (byte === COMMA && depth === 1) lastComma = at;
    }
    this.depth = depth;
    this.inString = inString;
    this.afterBackslash = afterBackslash;
    if (depth === 0 && block[at - 1] !== CLOSE_BRACKET) throw new NotAnArray('not_json', 'its brackets do not match');
    return { lastComma, end: at - 1 };
  }

  /** @param last whether the array ends after these elements; only then, and only if it is empty, may there be none */
  private parseRun(bytes: Uint8Array, last: boolean): void {
    const text = Buffer.concat([...this.pending, bytes]).toString('utf8');
    this.pending = [];
    const elements = parseText(`[${text}]`);
    if (elements.length === 0 && !(last && !this.anyElement)) {
      throw new NotAnArray('not_json', 'an element is missing beside a comma');
    }
    if (elements.length > 0) this.anyElement = true;
    for (const element of elements) this.take(element);
  }
}

/** Parses a whole answer at once. @throws {NotAnArray} */
export function parseJsonArray(body: Buffer): readonly unknown[] {
  return parseText(body.toString('utf8'));
}

function parseText(text: string): readonly unknown[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message quotes the text, which is the server's and may hold anything: it goes no further.
    throw new NotAnArray('not_json', 'it cannot be parsed');
  }
  if (!Array.isArray(value)) throw new NotAnArray('not_array', 'it is some other JSON value');
  return value;
}

function notAnArray(first: string): NotAnArray {
  return OTHER_JSON.test(first)
    ? new NotAnArray('not_array', `it begins with ${first}`)
    : new NotAnArray('not_json', 'it does not begin as JSON does');
}

function refuseMore(block: Uint8Array, from: number): void {
  for (let at = from; at < block.length; at += 1) {
    if (!isBlank(block[at] ?? 0)) throw new NotAnArray('not_json', 'there is more text after the array');
  }
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
