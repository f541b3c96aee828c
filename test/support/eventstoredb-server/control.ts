import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import type { EventStoreDbServer } from './eventstoredb-server.js';
import { APPEND_FAULTS, READ_FAULTS } from './faults.js';
import type { Faults } from './faults.js';

/** A small HTTP port of a server in a process of its own. */
export interface Control {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Makes the faults of a server available over HTTP on 127.0.0.1. Every answer is the present state of the switches.
 *
 * - `GET /faults`; `PUT /faults` with `{"appends": ..., "reads": ...}`, either or both
 * - `POST /drop_connections`, `/end_subscriptions`, `/freeze`, `/thaw`, `/heal`
 */
export async function startControl(server: EventStoreDbServer, port: number): Promise<Control> {
  const http = createServer((request, response) => void handle(server.faults, request, response));
  http.listen(port, '127.0.0.1');
  await once(http, 'listening');
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    async close() {
      const closed = once(http, 'close');
      http.close();
      http.closeAllConnections();
      await closed;
    },
  };
}

async function handle(faults: Faults, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const isKnown = await obey(faults, `${request.method} ${request.url}`, request);
    const { appends, reads } = faults;
    response.writeHead(isKnown ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ appends, reads }));
  } catch (error) {
    response.writeHead(400, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ error: String(error) }));
  }
}

/** False: no such request. */
async function obey(faults: Faults, what: string, request: IncomingMessage): Promise<boolean> {
  switch (what) {
    case 'GET /faults':
      return true;
    case 'PUT /faults':
      set(faults, await json(request));
      return true;
    case 'POST /drop_connections':
      faults.dropConnections();
      return true;
    case 'POST /end_subscriptions':
      faults.endSubscriptions();
      return true;
    case 'POST /freeze':
      faults.freeze();
      return true;
    case 'POST /thaw':
      faults.thaw();
      return true;
    case 'POST /heal':
      faults.heal();
      return true;
    default:
      return false;
  }
}

function set(faults: Faults, body: unknown): void {
  const { appends, reads } = body as { appends?: unknown; reads?: unknown };
  if (appends !== undefined) faults.appends = oneOf(APPEND_FAULTS, appends);
  if (reads !== undefined) faults.reads = oneOf(READ_FAULTS, reads);
}

function oneOf<T>(known: readonly T[], value: unknown): T {
  const found = known.find((candidate) => candidate === value);
  if (found === undefined) throw new Error(`${String(value)} is none of ${known.join(', ')}.`);
  return found;
}
