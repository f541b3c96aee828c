import { EventEmitter } from 'node:events';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { MongoNetworkError, MongoServerError, MongoTopologyClosedError } from 'mongodb';
import { pino } from 'pino';
import { Reachability } from './reachability.js';

const SERVER = { connectionId: 'db:27017' };

describe('What is known of the reachability of MongoDB', () => {
  let client: EventEmitter;
  let lines: string[];
  let reachability: Reachability;

  beforeEach(() => {
    client = new EventEmitter();
    lines = [];
    const log = pino({}, { write: (line) => lines.push((JSON.parse(line) as { msg: string }).msg) });
    reachability = new Reachability(client, 'db', log);
  });

  const lose = (why: string) =>
    client.emit('serverHeartbeatFailed', { ...SERVER, failure: new MongoNetworkError(why) });

  it('is logged when a server is lost and when it is back, not at each attempt', () => {
    for (const why of ['refused', 'refused', 'timed out']) lose(why);
    for (let beat = 0; beat < 3; beat++) client.emit('serverHeartbeatSucceeded', SERVER);
    expect(lines).toEqual(['mongodb.lost', 'mongodb.regained']);
  });

  it('explains errors that do not tell why', () => {
    lose('connect ECONNREFUSED');
    expect(reachability.reasonOf(new MongoTopologyClosedError())).toMatchObject({ message: 'connect ECONNREFUSED' });
  });

  it('does not replace what a server has answered, nor anything once the server is back', () => {
    lose('connect ECONNREFUSED');
    const answer = new MongoServerError({ message: 'not allowed' });
    expect(reachability.reasonOf(answer)).toBe(answer);
    client.emit('serverHeartbeatSucceeded', SERVER);
    const closed = new MongoTopologyClosedError();
    expect(reachability.reasonOf(closed)).toBe(closed);
  });
});
