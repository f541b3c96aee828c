import { describe, expect, it } from '@jest/globals';
import { storeUnavailable } from './store-failures.js';

const GRPC_SAYS = (last: string) =>
  `No connection established. Last error: ${last}. Resolution note: resolved to 127.0.0.1`;

describe('what is wrong with EventStoreDB', () => {
  const cases: [what: string, error: unknown, says: RegExp][] = [
    [
      'nobody listens',
      { code: 14, details: GRPC_SAYS('connect ECONNREFUSED 127.0.0.1:2113') },
      /no connection \(connect ECONNREFUSED 127\.0\.0\.1:2113\)\.$/,
    ],
    [
      'wrong credentials',
      { code: 16, details: 'Bad credentials' },
      /refused the access\. Check user and password in EVENTSTORE_CONNECTION_STRING/,
    ],
    [
      'TLS asked of us, or another protocol',
      { code: 14, details: GRPC_SAYS('Failed to connect (2026-11-23T06:00:00.000Z)') },
      /no connection: what answers there asks for TLS, or is no EventStoreDB\. Check host, port and tls/,
    ],
    ['no word of why', { code: 14, details: GRPC_SAYS('null') }, /there is no connection\.$/],
    [
      'TLS to an address',
      { code: 14, details: GRPC_SAYS('Setting the TLS ServerName to an IP address is not permitted') },
      /a secure connection needs a host name/,
    ],
    ['a right is missing', { type: 'access-denied', message: '' }, /refused the access/],
    ['another server', { code: 12, details: 'Method not found' }, /is not an EventStoreDB of version 21\.10 or newer/],
    [
      'TLS on one side',
      { code: 14, details: GRPC_SAYS('SSL routines:ssl3_get_record:wrong version number') },
      /secure connection failed.*Check tls and tlsCAFile/,
    ],
    [
      'an unknown authority',
      { code: 14, details: GRPC_SAYS('self-signed certificate in certificate chain') },
      /self-signed certificate.*Check tls and tlsCAFile/,
    ],
    [
      'no leader',
      new Error('Failed to discover after 10 attempts.'),
      /none of the hosts in EVENTSTORE_CONNECTION_STRING/,
    ],
    ['late', { code: 4, details: '' }, /did not answer in time/],
    ['an error without words', { type: 'unknown', message: '' }, /could not read: /],
  ];
  it.each(cases)('is told so that somebody can do something about it: %s', (_, error, says) => {
    expect(storeUnavailable('read', error).message).toMatch(says);
    expect(storeUnavailable('read', error)).toMatchObject({ code: 'event_store_unavailable', cause: error });
  });
});
