import { describe, expect, it } from '@jest/globals';
import type { ArgumentMetadata } from '@nestjs/common';
import { InvalidInput } from '../errors.js';
import { inputValidation } from '../http/validation.js';
import { FeedPageParameters, selectionOf } from './feed-parameters.js';

const KINDS = ['cml_worker', 'coaching_session'];

async function read(query: object): Promise<FeedPageParameters> {
  const metadata: ArgumentMetadata = { type: 'query', metatype: FeedPageParameters };
  return (await inputValidation().transform(query, metadata)) as FeedPageParameters;
}

async function refusedFields(query: object): Promise<string[]> {
  try {
    selectionOf(await read(query), KINDS);
  } catch (error) {
    if (error instanceof InvalidInput) return error.errors.map(({ field }) => field);
    throw error;
  }
  return [];
}

describe('What a client may ask of the feed', () => {
  it('is everything by default, a hundred at a time, without waiting', async () => {
    const parameters = await read({});
    expect(parameters).toMatchObject({ limit: 100, wait: 0 });
    expect(selectionOf(parameters, KINDS)).toEqual({});
  });

  it.each([
    ['once', 'a.b.v1', ['a.b.v1']],
    ['repeated', ['a.b.v1', 'c.d.v1'], ['a.b.v1', 'c.d.v1']],
    ['separated by commas', 'a.b.v1, c.d.v1', ['a.b.v1', 'c.d.v1']],
    ['both, and twice', ['a.b.v1,c.d.v1', 'a.b.v1'], ['a.b.v1', 'c.d.v1']],
  ])('are types, given %s', async (_, type, types) => {
    expect(selectionOf(await read({ type }), KINDS)).toEqual({ types });
  });

  it('is one aggregate, by kind and id or by the subject of its events', async () => {
    const aggregate = { aggregateKind: 'cml_worker', aggregateId: 'a/b' };
    expect(selectionOf(await read({ aggregate_kind: 'cml_worker', aggregate_id: 'a/b' }), KINDS)).toEqual(aggregate);
    expect(selectionOf(await read({ subject: 'cml_worker/a/b' }), KINDS)).toEqual(aggregate);
    expect(selectionOf(await read({ subject: 'cml_worker/a/b', aggregate_id: 'a/b' }), KINDS)).toEqual(aggregate);
  });

  it.each([
    ['another aggregate by each way', { subject: 'cml_worker/a', aggregate_kind: 'coaching_session' }, ['subject']],
    ['another id by each way', { subject: 'cml_worker/a', aggregate_id: 'b' }, ['subject']],
    ['a subject of an unknown kind', { subject: 'toaster/a' }, ['subject']],
    ['a subject without an id', { subject: 'cml_worker/' }, ['subject']],
    ['a subject without a kind', { subject: 'a' }, ['subject']],
    ['an empty type', { type: '' }, ['type']],
    ['an empty type among others', { type: 'a.b.v1,' }, ['type']],
    ['types that are none', { type: { a: 'b' } }, ['type']],
    ['101 types', { type: Array.from({ length: 101 }, (_, i) => `a.${i}`) }, ['type']],
    ['a limit of 0', { limit: '0' }, ['limit']],
    ['a limit of 1001', { limit: '1001' }, ['limit']],
    ['two limits', { limit: ['1', '2'] }, ['limit']],
    ['a wait of 61', { wait: '61' }, ['wait']],
    ['a wait in words', { wait: 'long' }, ['wait']],
    ['two positions', { after: ['now', 'now'] }, ['after']],
    ['an empty position', { after: '' }, ['after']],
    ['an unknown parameter', { since: 'now' }, ['since']],
    ['several at once', { limit: 'x', wait: 'y', since: 'z' }, ['since', 'limit', 'wait']],
  ])('is not %s', async (_, query, fields) => {
    expect((await refusedFields(query)).toSorted()).toEqual(fields.toSorted());
  });
});
