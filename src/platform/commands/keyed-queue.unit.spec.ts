import { describe, expect, it } from '@jest/globals';
import { eventIdOf, keyedCommandContext, newCommandContext, stepOf } from './command-context.js';
import { KeyedQueue } from './keyed-queue.js';

describe('A keyed queue', () => {
  it('runs the work of one key one after another, in the order of arrival', async () => {
    const queue = new KeyedQueue();
    const log: string[] = [];
    const work = (name: string) => async (): Promise<void> => {
      log.push(`${name} begins`);
      await Promise.resolve();
      log.push(`${name} ends`);
    };
    await Promise.all(['a', 'b', 'c'].map((name) => queue.run('key', work(name))));
    expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
  });

  it('does not let different keys wait for each other', async () => {
    const queue = new KeyedQueue();
    const blocked = Promise.withResolvers<string>();
    const first = queue.run('one', () => blocked.promise);
    expect(await queue.run('two', () => Promise.resolve('done'))).toBe('done');
    blocked.resolve('at last');
    expect(await first).toBe('at last');
  });

  it('goes on after a failure, which is only its own caller’s', async () => {
    const queue = new KeyedQueue();
    const failing = queue.run('key', () => Promise.reject(new Error('defect')));
    const next = queue.run('key', () => Promise.resolve('done'));
    await expect(failing).rejects.toThrow('defect');
    expect(await next).toBe('done');
  });
});

describe('The context of a command', () => {
  it('has the same identity for the same key of the same scope, whoever sends it whenever', () => {
    const [one, two] = [keyedCommandContext('Pause/1', 'k', 'ada'), keyedCommandContext('Pause/1', 'k', 'bob')];
    expect(one.commandId).toBe(two.commandId);
    expect(keyedCommandContext('Pause/2', 'k', 'ada').commandId).not.toBe(one.commandId);
    expect(keyedCommandContext('Pause/1', 'l', 'ada').commandId).not.toBe(one.commandId);
    expect(one.repeatable).toBe(true);
  });

  it('has an identity of its own without a key', () => {
    const [one, two] = [newCommandContext('ada'), newCommandContext('ada')];
    expect(one.commandId).not.toBe(two.commandId);
    expect(one.repeatable).toBe(false);
  });

  it('gives its steps ids of their own, which are the same whenever it is repeated', () => {
    const context = keyedCommandContext('Pause/1', 'k', 'ada');
    const step = stepOf(context, 'confirm');
    expect(stepOf(keyedCommandContext('Pause/1', 'k', 'ada'), 'confirm').commandId).toBe(step.commandId);
    expect(stepOf(context, 'request').commandId).not.toBe(step.commandId);
    expect(step).toMatchObject({ causationId: context.commandId, correlationId: context.correlationId, actor: 'ada' });
  });

  it('names its events by UUIDv5 of the command and the index', () => {
    const { commandId } = keyedCommandContext('Pause/1', 'k', 'ada');
    const ids = [0, 1].map((index) => eventIdOf(commandId, index));
    expect(new Set(ids).size).toBe(2);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(eventIdOf(commandId, 0)).toBe(ids[0]);
  });
});
