/**
 * A short, stable name for one telemetry event, so that it is recognised when CML shows it again. CML gives its events
 * no id: the name is made of everything they have. It is stored in the worker's events, so its making never changes.
 */

/** 36^9: what is kept of the hash, nine characters. Two events share a name only in the same millisecond, by 1 in 10^14. */
const HASH_SPACE = 36 ** 9;

/**
 * `<epoch ms, base 36>.<hash, base 36>`, 18 characters for a time in this century.
 *
 * @param at the event's time, epoch ms
 * @param timestamp the event's own text of it, which may say more than milliseconds
 * @param data its members in any order: the order makes no difference
 */
export function fingerprintOf(at: number, timestamp: string, category: string, data: object): string {
  const hash = new Hash();
  hash.addText(timestamp);
  hash.addText(category);
  hash.addJson(data);
  return `${at.toString(36)}.${hash.digest().toString(36).padStart(9, '0')}`;
}

/** The time in a fingerprint, epoch ms; NaN when the text is none. */
export function timeOfFingerprint(fingerprint: string): number {
  return parseInt(fingerprint, 36);
}

const PRIME_A = 2654435761;
const PRIME_B = 1597334677;
const ARRAY = 0x5b;
const OBJECT = 0x7b;

/** cyrb53: two 32-bit multiply-xor lanes. Fast in plain JavaScript, well mixed, nothing secret about it. */
class Hash {
  private a = 0xdeadbeef | 0;
  private b = 0x41c6ce57 | 0;

  /** Adds a text and its length, so that `ab`, `c` is not `a`, `bc`. */
  addText(text: string): void {
    // In local variables: a few hundred of these are made for every answer.
    let { a, b } = this;
    for (let i = 0; i < text.length; i += 1) {
      const code = text.charCodeAt(i);
      a = Math.imul(a ^ code, PRIME_A);
      b = Math.imul(b ^ code, PRIME_B);
    }
    this.a = a;
    this.b = b;
    this.addCode(text.length);
  }

  /** Adds a JSON value. With a stack of its own: data may be nested deeper than the call stack reaches. */
  addJson(root: unknown): void {
    const open: unknown[] = [root];
    while (open.length > 0) {
      const value = open.pop();
      if (typeof value !== 'object' || value === null) {
        // The type's first letter, so that 1 is not "1".
        this.addCode((typeof value).charCodeAt(0));
        this.addText(String(value));
      } else if (Array.isArray(value)) {
        this.addCode(ARRAY);
        this.addCode(value.length);
        for (const item of value) open.push(item);
      } else {
        const members = value as Readonly<Record<string, unknown>>;
        const keys = Object.keys(members).sort();
        this.addCode(OBJECT);
        this.addCode(keys.length);
        for (const key of keys) {
          this.addText(key);
          open.push(members[key]);
        }
      }
    }
  }

  digest(): number {
    let a = Math.imul(this.a ^ (this.a >>> 16), 2246822507);
    let b = Math.imul(this.b ^ (this.b >>> 16), 2246822507);
    a ^= Math.imul(b ^ (b >>> 13), 3266489909);
    b ^= Math.imul(a ^ (a >>> 13), 3266489909);
    return (2 ** 32 * (b & 0x1fffff) + (a >>> 0)) % HASH_SPACE;
  }

  private addCode(code: number): void {
    this.a = Math.imul(this.a ^ code, PRIME_A);
    this.b = Math.imul(this.b ^ code, PRIME_B);
  }
}
