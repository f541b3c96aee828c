import { afterAll, describe, expect, it } from '@jest/globals';
import { NOW, QUESTION } from '../../../test/support/test-cml.js';
import { readTelemetry } from '../domain/telemetry-filter.js';
import type { TelemetryReading } from '../domain/telemetry.js';
import { TelemetryParser } from './telemetry-parser.js';

/** The thread's source, compiled as it loads: the same program that the build compiles. */
function threadFile(): URL {
  const hooks = new URL('../../../test/support/typescript-hooks.mjs', import.meta.url).href;
  const source = new URL('./telemetry-parser.worker.ts', import.meta.url).href;
  return new URL(`data:text/javascript,${encodeURIComponent(`import '${hooks}'; await import('${source}');`)}`);
}

const parsers = {
  'this thread': new TelemetryParser({ threadFile: null }),
  'the parsing thread': new TelemetryParser({ threadFile: threadFile() }),
} as const;

afterAll(() => Promise.all(Object.values(parsers).map((parser) => parser.close())));

function telemetry(count: number): readonly object[] {
  return Array.from({ length: count }, (_, i) => ({
    category: i % 3 === 0 ? 'start_lab' : 'user_activity',
    timestamp: new Date(NOW - i * 1_000).toISOString(),
    data: { user_id: `ärger-${i}` },
  }));
}

/** What a connection hands out: chunks that have their memory to themselves, and chunks that share it. */
function chunksOf(bytes: Buffer, size: number, alone: boolean): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    const chunk = bytes.subarray(at, at + size);
    chunks.push(alone ? Uint8Array.from(chunk) : chunk);
  }
  return chunks;
}

async function read(where: keyof typeof parsers, chunks: readonly Uint8Array[]): Promise<TelemetryReading> {
  const answer = parsers[where].begin(QUESTION);
  for (const chunk of chunks) await answer.push(chunk);
  return answer.end();
}

describe.each(['this thread', 'the parsing thread'] as const)('Telemetry parsed in %s', (where) => {
  it.each([
    ['a small answer', 100, 1_000],
    ['an answer that fits in one block', 3_000, 65_536],
    ['an answer of several blocks', 25_000, 65_536],
    ['an answer in few chunks, each larger than a block', 25_000, 1_500_000],
  ])('is read alike whether its chunks share their memory or not: %s', async (_, count, size) => {
    const events = telemetry(count);
    const bytes = Buffer.from(JSON.stringify(events));
    const expected = readTelemetry(events, QUESTION);
    expect(await read(where, chunksOf(bytes, size, true))).toEqual(expected);
    expect(await read(where, chunksOf(bytes, size, false))).toEqual(expected);
  });

  it('takes no memory away that holds other bytes too', async () => {
    const text = JSON.stringify(telemetry(3_000));
    const bytes = Buffer.from(`${text}next`);
    await read(where, chunksOf(bytes.subarray(0, -4), 65_536, false));
    expect(bytes.toString()).toBe(`${text}next`);
  });
});

describe('The parsing thread', () => {
  it('is given the memory of chunks that have it to themselves', async () => {
    const chunks = chunksOf(Buffer.from(JSON.stringify(telemetry(3_000))), 65_536, true);
    await read('the parsing thread', chunks);
    expect(chunks.map(({ length }) => length)).toEqual(chunks.map(() => 0));
  });
});
