import { BroadcastChannel } from 'node:worker_threads';
import { afterEach, describe, expect, it } from '@jest/globals';
import { TelemetryParser } from '../../src/workers/gateways/telemetry-parser.js';
import { NOW, QUESTION, TestCml, answer, client, closeOpened, failureOf, opened } from '../support/test-cml.js';
import type { Handler } from '../support/test-cml.js';

afterEach(closeOpened);

describe('a large answer', () => {
  const large = Array.from({ length: 12_000 }, (_, i) => ({
    category: i % 3 === 0 ? 'start_lab' : 'user_activity',
    timestamp: new Date(NOW - i * 1_000).toISOString(),
    data: { user_id: i % 2 === 0 ? '00000000-0000-4000-a000-000000000000' : `ärger-${i}` },
  }));
  const slowPattern = { ...QUESTION, rule: { ...QUESTION.rule, excludedUserPattern: '^(.+)+,$' } };
  const badPattern = { ...QUESTION, rule: { ...QUESTION.rule, excludedUserPattern: '(' } };
  const telemetry: Handler = (_, response) => answer(response, 200, large);

  /** The thread's source, compiled as it loads: the same program that the build compiles. */
  function threadFile(): URL {
    const hooks = new URL('../support/typescript-hooks.mjs', import.meta.url).href;
    const source = new URL('../../src/workers/gateways/telemetry-parser.worker.ts', import.meta.url).href;
    const program = `import '${hooks}';
      import { BroadcastChannel } from 'node:worker_threads';
      const starts = new BroadcastChannel('parsing-thread-started');
      starts.postMessage('');
      starts.close();
      await import('${source}');`;
    return new URL(`data:text/javascript,${encodeURIComponent(program)}`);
  }

  const expected = {
    total: 12_000,
    malformed: 0,
    newCount: large.filter(({ category, data }) => category === 'start_lab' || data.user_id.startsWith('ä')).length,
    lastActivityAt: NOW,
  };

  it.each([
    ['in this thread', null],
    ['in the parsing thread', threadFile()],
  ])('is read %s', async (_, file) => {
    const cml = await TestCml.start({ '/telemetry/events': telemetry });
    const api = client({ parser: new TelemetryParser({ threadFile: file }) });
    const readings = await Promise.all([1, 2, 3].map(() => api.readTelemetry(cml.address, QUESTION)));
    for (const reading of readings) {
      expect(reading).toMatchObject(expected);
      expect(reading.newEvents.map(({ timestamp }) => Date.parse(timestamp)).slice(0, 2)).toEqual([NOW, NOW - 1_000]);
    }
  });

  it.each([
    ['not_json', `[${'{"category": "x"},'.repeat(100_000)}`],
    ['not_json', `[${'{"category": "x"},'.repeat(100_000)} oh`],
    ['not_array', `{"events": "${'x'.repeat(2_000_000)}"}`],
  ])('that is %s is refused by the parsing thread, which goes on', async (failure, body) => {
    let text = body;
    const cml = await TestCml.start({ '/telemetry/events': (_, response) => void response.end(text) });
    const api = client({ parser: new TelemetryParser({ threadFile: threadFile() }) });
    expect(await failureOf(api.readTelemetry(cml.address, QUESTION))).toMatchObject({ failure });
    text = JSON.stringify(large);
    expect(await api.readTelemetry(cml.address, QUESTION)).toMatchObject(expected);
  });

  it.each([
    ['crashes', badPattern],
    ['is stuck', slowPattern],
  ])('under which the parsing thread %s fails alone, and the next one starts another thread', async (_, question) => {
    const log: string[] = [];
    const cml = await TestCml.start({ '/telemetry/events': telemetry });
    const api = client({ parser: new TelemetryParser({ threadFile: threadFile(), patienceMs: 2_000 }) }, log);
    expect(await failureOf(api.readTelemetry(cml.address, question))).toMatchObject({ failure: 'parser_failed' });
    expect(log.join()).toMatch(/could not be parsed/);
    expect(await api.readTelemetry(cml.address, QUESTION)).toMatchObject(expected);
  });

  it('is read again by another thread after one was ended for idleness', async () => {
    let started = 0;
    const starts = new BroadcastChannel('parsing-thread-started');
    opened.push(() => starts.close());
    starts.onmessage = () => (started += 1);
    const cml = await TestCml.start({ '/telemetry/events': telemetry });
    const api = client({ parser: new TelemetryParser({ threadFile: threadFile(), idleMs: 1 }) });
    while (started < 2) expect(await api.readTelemetry(cml.address, QUESTION)).toMatchObject(expected);
  });

  it('that is being read when the client closes fails', async () => {
    const started = Promise.withResolvers<void>();
    const half: Handler = (_, response) => {
      response.write(JSON.stringify(large).slice(0, 2_000_000), () => started.resolve());
    };
    const cml = await TestCml.start({ '/telemetry/events': half });
    const api = client({ parser: new TelemetryParser({ threadFile: threadFile() }) });
    const failing = failureOf(api.readTelemetry(cml.address, QUESTION));
    await started.promise;
    await api.close();
    expect(['unreachable', 'parser_failed']).toContain((await failing).failure);
  });
});
