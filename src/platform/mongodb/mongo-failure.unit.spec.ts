import { describe, expect, it } from '@jest/globals';
import {
  MongoBulkWriteError,
  MongoInvalidArgumentError,
  MongoNetworkError,
  MongoNetworkTimeoutError,
  MongoServerError,
  MongoServerSelectionError,
  MongoWriteConcernError,
} from 'mongodb';
import type { TopologyDescription } from 'mongodb';
import { ReadModelStoreUnavailable } from '../read-models/read-model-store.errors.js';
import { idConflictsOf, isIdConflict, portError } from './mongo-failure.js';
import { DocumentTooLarge } from './mongodb.errors.js';

const WHERE = 'db1:27017,db2:27017';

/** As the server answers it, with the labels that the driver then adds. */
function serverError(code: number, errmsg: string, ...labels: string[]): MongoServerError {
  const error = new MongoServerError({ ok: 0, code, errmsg });
  for (const label of labels) error.addErrorLabel(label);
  return error;
}

function selectionError(message: string): MongoServerSelectionError {
  return new MongoServerSelectionError(message, {} as TopologyDescription);
}

describe("The driver's errors in the port's", () => {
  it.each<[string, Error, string]>([
    ['a broken connection', new MongoNetworkError('read ECONNRESET'), 'ECONNRESET'],
    ['a connection that does not answer', new MongoNetworkTimeoutError('connection timed out'), 'timed out'],
    ['no server', selectionError('connect ECONNREFUSED 127.0.0.1:27017'), 'ECONNREFUSED'],
    [
      'a member that is primary no longer',
      serverError(10107, 'not primary', 'RetryableWriteError'),
      'no primary at the moment',
    ],
    ['a member that steps down', serverError(189, 'stepping down', 'RetryableWriteError'), 'no primary at the moment'],
    ['a member that shuts down', serverError(91, 'shutdown in progress'), 'no primary at the moment'],
    ['a secondary', serverError(13435, 'not primary and secondaryOk=false'), 'no primary at the moment'],
    ['an operation cut off by a change of state', serverError(11602, 'interrupted'), 'no primary at the moment'],
    [
      'a write that a majority did not confirm in time',
      new MongoWriteConcernError({
        ok: 1,
        writeConcernError: { code: 64, errmsg: 'waiting for replication timed out', errInfo: { wtimeout: true } },
      }),
      'majority did not confirm',
    ],
    ['a set with too few members', serverError(100, 'Not enough data-bearing nodes'), 'too few members'],
    ['a wrong password', serverError(18, 'Authentication failed.'), 'user name, password or authSource'],
    ['a user who may not', serverError(13, 'not authorized on dormouse'), 'role readWrite'],
    ['TLS to a server without', selectionError('SSL routines:ssl3_get_record:wrong version number'), 'check tls'],
    ['an unknown certificate', selectionError('self-signed certificate in certificate chain'), 'tlsCAFile'],
    ['no TLS to a server with', selectionError('connection 1 to 127.0.0.1:27017 closed'), 'tls=true'],
    ['a name without an address', selectionError('getaddrinfo ENOTFOUND db.invalid'), 'host name in MONGODB_URI'],
    ['a port that nobody has', selectionError('connect ECONNREFUSED 127.0.0.1:1'), 'nothing listens there'],
    ['a server that hangs up', new MongoNetworkError('connection <monitor> to 127.0.0.1:7001 closed'), 'is no MongoDB'],
    ['a full disk', serverError(14031, 'available disk space is less than required'), 'disk of the server is full'],
    ['whatever else a server may answer', serverError(8, 'something is wrong'), 'something is wrong'],
  ])('tell of %s as the store being unavailable, and what to do', (_what, error, text) => {
    const mapped = portError(WHERE, error);
    expect(mapped).toBeInstanceOf(ReadModelStoreUnavailable);
    expect(mapped).toMatchObject({ status: 503, cause: error });
    expect((mapped as Error).message).toContain(text);
    expect((mapped as Error).message).toContain(WHERE);
  });

  it('do not blame the address or TLS of a server that has answered before', () => {
    const closed = new MongoNetworkError('connection <monitor> to 127.0.0.1:7001 closed');
    expect((portError(WHERE, closed, true) as Error).message).toMatch(/closed\.$/);
  });

  it.each([
    serverError(10334, 'BSONObj size is invalid'),
    serverError(17419, 'Resulting document after update is larger than 16777216'),
    serverError(302776349, 'Size 17000034 is larger than MaxDocumentSize 16777216'),
    new MongoInvalidArgumentError('Document is larger than the maximum size 16777216'),
  ])('tell of a document that is too large: %s', (error) => {
    expect(portError(WHERE, error)).toBeInstanceOf(DocumentTooLarge);
  });

  it('leave violated indexes, and what is not the driver’s, as they are', () => {
    const duplicate = serverError(
      11000,
      'E11000 duplicate key error collection: d.c index: ux_name dup key: { d.name: "x" }',
    );
    const defect = new TypeError('x is undefined');
    expect(portError(WHERE, duplicate)).toBe(duplicate);
    expect(portError(WHERE, defect)).toBe(defect);
    const unavailable = new ReadModelStoreUnavailable('closed');
    expect(portError(WHERE, unavailable)).toBe(unavailable);
  });
});

describe('A duplicate key', () => {
  const onId = 'E11000 duplicate key error collection: d.c index: _id_ dup key: { _id: "a" }';
  const onName = 'E11000 duplicate key error collection: d.c index: ux_name dup key: { d.name: "_id_" }';

  it.each<[string, Error, boolean]>([
    ['MongoDB on the id', serverError(11000, onId), true],
    [
      'FerretDB on the id',
      serverError(11000, "Duplicate key violation on the requested collection: Index '_id_'"),
      true,
    ],
    [
      'FerretDB on the id, by findAndModify',
      serverError(1, 'duplicate key value violates unique constraint "collection_pk_2"'),
      true,
    ],
    ['MongoDB on another index', serverError(11000, onName), false],
    [
      'FerretDB on another index',
      serverError(11000, "Duplicate key violation on the requested collection: Index 'ux_u'"),
      false,
    ],
    ['no duplicate at all', serverError(2, 'index: _id_ is bad'), false],
  ])('of %s is told apart', (_what, error, expected) => {
    expect(isIdConflict(error)).toBe(expected);
  });

  /** As the driver throws it for an unordered bulk. */
  const bulkError = (errors: readonly { index: number; code: number; errmsg: string }[], concern?: object) => {
    const writeErrors = errors.map((error) => ({ ...error, err: error }));
    const result = { getWriteConcernError: () => concern };
    const error = new MongoBulkWriteError({ message: 'bulk', code: 11000, writeErrors: [] }, result as never);
    error.writeErrors = writeErrors as never;
    return error;
  };

  it('in a bulk names the writes that met it', () => {
    const error = bulkError([
      { index: 3, code: 11000, errmsg: onId },
      { index: 7, code: 11000, errmsg: onId },
    ]);
    expect(idConflictsOf(error)).toEqual([3, 7]);
  });

  it.each<[string, Error]>([
    [
      'another write error',
      bulkError([
        { index: 1, code: 11000, errmsg: onId },
        { index: 2, code: 10107, errmsg: 'not primary' },
      ]),
    ],
    ['a violated index', bulkError([{ index: 1, code: 11000, errmsg: onName }])],
    ['no confirmation by a majority', bulkError([{ index: 1, code: 11000, errmsg: onId }], { code: 64 })],
    ['a broken connection', new MongoNetworkError('read ECONNRESET')],
  ])('in a bulk does not hide %s', (_what, error) => {
    expect(() => idConflictsOf(error)).toThrow(error);
  });
});
