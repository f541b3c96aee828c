/**
 * Many clients of the event stream in one process, that cost as little as they can: raw sockets, and of what they are sent
 * they only count the events. The first one reads when each was decided.
 *
 * Messages in: `{ open: number, url: string }`, `{ events: number }` (tells when all clients have got so many more).
 * Messages out: `{ opened: number }`, `{ late: number[] }` (milliseconds from the decision of each event until the last
 * client had it), `{ lost: string }`.
 */
import { connect } from 'node:net';

/** Only an event has this, once: JSON has no line breaks. */
const MARK = Buffer.from('\ndata: ');
const CONNECT_AT_ONCE = 50;

const clients = [];
let expected = 0;
/** Of each event: by how many clients it was seen, when by the last of them, and when it was decided. */
let seen = [];
let lastAt = [];
let decidedAt = [];

class Client {
  received = 0;
  rest = Buffer.alloc(0);
  text = '';

  constructor(isFirst) {
    this.isFirst = isFirst;
  }

  take(chunk) {
    const now = Date.now();
    const bytes = Buffer.concat([this.rest, chunk]);
    let found = bytes.indexOf(MARK);
    for (; found !== -1; found = bytes.indexOf(MARK, found + MARK.length)) this.count(now);
    // A mark that is cut in two is found with the next chunk, a whole one not twice.
    this.rest = bytes.subarray(Math.max(bytes.lastIndexOf(MARK) + 1, bytes.length - MARK.length + 1));
    if (this.isFirst) this.read(chunk);
    if (expected > 0 && seen[expected - 1] === clients.length && decidedAt.length >= expected) report();
  }

  count(now) {
    const index = this.received++;
    seen[index] = (seen[index] ?? 0) + 1;
    lastAt[index] = now;
  }

  read(chunk) {
    this.text += chunk.toString('latin1');
    for (let end = this.text.indexOf('\n\n'); end !== -1; end = this.text.indexOf('\n\n')) {
      const time = /^data: .*?"time":"([^"]+)"/m.exec(this.text.slice(0, end))?.[1];
      if (time !== undefined) decidedAt.push(Date.parse(time));
      this.text = this.text.slice(end + 2);
    }
  }
}

function report() {
  process.send({ late: lastAt.slice(0, expected).map((at, index) => at - decidedAt[index]) });
  expected = 0;
  [seen, lastAt, decidedAt] = [[], [], []];
  for (const client of clients) client.received = 0;
}

function openOne({ hostname, port, host }) {
  return new Promise((resolve) => {
    const client = new Client(clients.length === 0);
    clients.push(client);
    const socket = connect(Number(port), hostname);
    socket.write(`GET /events/stream HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
    socket.on('data', (chunk) => {
      client.take(chunk);
      resolve();
    });
    socket.on('close', () => process.send({ lost: 'a stream was closed' }));
    socket.on('error', (error) => process.send({ lost: error.message }));
  });
}

process.on('message', async (message) => {
  if (message.open !== undefined) {
    const url = new URL(message.url);
    for (let opened = 0; opened < message.open; opened += CONNECT_AT_ONCE) {
      const some = Math.min(CONNECT_AT_ONCE, message.open - opened);
      await Promise.all(Array.from({ length: some }, () => openOne(url)));
    }
    process.send({ opened: clients.length });
  } else {
    expected = message.events;
  }
});
process.on('disconnect', () => process.exit(0));
