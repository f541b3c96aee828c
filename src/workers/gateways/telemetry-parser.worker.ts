/**
 * The parsing thread: reads large telemetry answers block by block, so that neither the thread that serves requests nor
 * the memory feels them. Anything it throws ends it; whoever started it starts another.
 */
import { parentPort } from 'node:worker_threads';
import { TelemetryReader, readTelemetry } from '../domain/telemetry-filter.js';
import { JsonArrayReader, NotAnArray, parseJsonArray } from './json-array-reader.js';
import type { FromParser, ToParser } from './telemetry-parser.protocol.js';

interface Answer {
  readonly elements: JsonArrayReader;
  readonly telemetry: TelemetryReader;
}

const answers = new Map<number, Answer>();

parentPort?.on('message', (message: ToParser) => {
  const { id, type } = message;
  if (type === 'begin') {
    const telemetry = new TelemetryReader(message.question);
    answers.set(id, { telemetry, elements: new JsonArrayReader((element) => telemetry.add(element)) });
  } else if (type === 'cancel') {
    answers.delete(id);
  } else {
    const outcome = advance(message, answers.get(id));
    if (outcome !== null) {
      answers.delete(id);
      say(outcome);
    }
    say({ type: 'taken' });
  }
});

/** Takes a whole answer, a block or the end of one; null while there is nothing to be said about it. */
function advance(
  message: ToParser & { type: 'whole' | 'block' | 'end' },
  answer: Answer | undefined,
): FromParser | null {
  const { id } = message;
  try {
    if (message.type === 'whole') {
      const events = parseJsonArray(Buffer.concat(message.bytes));
      return { type: 'read', id, reading: readTelemetry(events, message.question) };
    }
    if (answer === undefined) return null;
    if (message.type === 'block') {
      answer.elements.push(Buffer.concat(message.bytes));
      return null;
    }
    answer.elements.end();
    return { type: 'read', id, reading: answer.telemetry.reading() };
  } catch (error) {
    if (!(error instanceof NotAnArray)) throw error;
    return { type: 'refused', id, failure: error.failure, message: error.message };
  }
}

function say(message: FromParser): void {
  parentPort?.postMessage(message);
}
