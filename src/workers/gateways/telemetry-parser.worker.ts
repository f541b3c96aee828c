/**
 * The parsing thread: reads large telemetry answers block by block, so that neither the thread that serves requests nor
 * the memory feels them. Anything it throws ends it; whoever started it starts another.
 */
import { parentPort } from 'node:worker_threads';
import { TelemetryReader } from '../domain/telemetry-filter.js';
import { JsonArrayReader, NotAnArray } from './json-array-reader.js';
import type { FromParser, ToParser } from './telemetry-parser.protocol.js';

interface Answer {
  readonly elements: JsonArrayReader;
  readonly telemetry: TelemetryReader;
}

const answers = new Map<number, Answer>();

parentPort?.on('message', (message: ToParser) => {
  const reply = handle(message);
  if (reply === null) return;
  answers.delete(reply.id);
  parentPort?.postMessage(reply);
});

function handle(message: ToParser): FromParser | null {
  const { id } = message;
  if (message.type === 'begin') {
    const telemetry = new TelemetryReader(message.question);
    answers.set(id, { telemetry, elements: new JsonArrayReader((element) => telemetry.add(element)) });
    return null;
  }
  const answer = answers.get(id);
  if (answer === undefined) return null;
  try {
    if (message.type === 'block') answer.elements.push(new Uint8Array(message.block));
    else if (message.type === 'cancel') answers.delete(id);
    else {
      answer.elements.end();
      return { type: 'read', id, reading: answer.telemetry.reading() };
    }
    return null;
  } catch (error) {
    if (!(error instanceof NotAnArray)) throw error;
    return { type: 'refused', id, failure: error.failure, message: error.message };
  }
}
