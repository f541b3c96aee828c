import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ProjectionEngine } from '../../src/platform/projections/projection-engine.js';
import { expectProblem, fieldsOf } from '../support/problems.js';
import { ServiceHarness } from '../support/service-harness.js';

let lab: ServiceHarness;

beforeEach(async () => {
  lab = await ServiceHarness.open();
});

afterEach(() => lab.close());

describe('Consistency tokens', () => {
  it('let a query see what the command before it did', async () => {
    const worker = await lab.addWorker();
    for (let round = 1; round <= 20; round++) {
      const what = round % 2 ? 'disable' : 'enable';
      const { body, token } = await worker.post(`idle-detection/${what}`);
      expect(body['consistency_token']).toBe(token);
      const seen = await lab.request('GET', worker.path, { token });
      expect(seen.body['is_idle_detection_enabled']).toBe(what === 'enable');
      expect(seen.token).toBeDefined();
    }
  });

  it('are 503 when the view is late, saying that the command is done', async () => {
    await lab.restartService({ CONSISTENCY_WAIT_MS: '20' });
    const worker = await lab.addWorker();
    await lab.service.app.get(ProjectionEngine).stop();
    const { token } = await worker.post('idle-detection/disable');
    const answer = await lab.request('GET', worker.path, { token });
    expectProblem(answer, 503, 'view_is_late');
    expect(answer.body['detail']).toMatch(/is done/);
  });

  it.each(['nonsense', '00000000.1', ''])('are 422 when they are %j, not this store’s', async (token) => {
    const worker = await lab.addWorker();
    const answer = await lab.request('GET', worker.path, { token });
    expectProblem(answer, 422, 'invalid_input');
    expect(fieldsOf(answer)).toEqual(['Consistency-Token']);
  });

  it('are 422 when they are from a part of the history that does not exist', async () => {
    const worker = await lab.addWorker();
    const token = (await lab.tokenOfAll())?.replace(/\..*/, '.zzzz');
    expectProblem(await lab.request('GET', worker.path, { token }), 422, 'invalid_input');
  });
});

describe('The caller', () => {
  it('is written down as the one who did it, with the correlation id of the request', async () => {
    const worker = await lab.addWorker();
    const correlation = '11111111-2222-4333-8444-555555555555';
    const headers = { 'x-user-id': 'ada', 'x-correlation-id': correlation };
    await worker.post('pause', { headers });
    const events = (await worker.history()).slice(1);
    expect(events.map(({ metadata }) => metadata.actor)).toEqual(['ada', 'ada']);
    expect(events.map(({ metadata }) => metadata.$correlationId)).toEqual([correlation, correlation]);
    expect(await worker.get('activity')).toMatchObject({ paused_by: 'ada', pause_reason: 'manual' });
  });

  it('is 422 when a header is not acceptable', async () => {
    const worker = await lab.addWorker();
    const answer = await worker.post('pause', { headers: { 'x-user-id': 'a b' }, key: 'x'.repeat(256) });
    expectProblem(answer, 422, 'invalid_input');
    expect(worker.stops).toBe(0);
  });
});
