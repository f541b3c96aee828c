import { existsSync, readFileSync } from 'node:fs';

/** That a follower got an event, as it wrote it down. */
export interface Receipt {
  readonly id: string;
  readonly type: string;
  /** `<kind>/<id>` of the aggregate. */
  readonly subject: string;
  readonly streamrevision: number;
}

/** An event of the history that is published. */
export interface Published {
  readonly id: string;
  readonly stream: string;
  readonly revision: number;
}

/** Categories whose events are published, all of them, and what they are called outside. */
export const KINDS: Readonly<Record<string, string>> = { cmlWorker: 'cml_worker', coachingSession: 'coaching_session' };

/** The receipts in a follower's file, oldest first; none while there is no file. A last line without an end is none. */
export function receiptsIn(file: string): Receipt[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n');
  // What a kill has torn is followed by whole lines.
  return lines.slice(0, -1).flatMap((line) => receiptOf(line) ?? []);
}

function receiptOf(line: string): Receipt | undefined {
  const start = line.lastIndexOf('{"id"');
  if (start < 0) return undefined;
  return JSON.parse(line.slice(start)) as Receipt;
}

/**
 * What is wrong with what one follower got, by the whole history: an event that never came, one that was never stored or
 * is told wrongly, or, in one aggregate, one that came for the first time before an earlier one had come.
 */
export function wrongWith(follower: string, receipts: readonly Receipt[], history: readonly Published[]): string[] {
  const firsts = new Map<string, Receipt>();
  for (const receipt of receipts) if (!firsts.has(receipt.id)) firsts.set(receipt.id, receipt);
  const stored = new Map(history.map((event) => [event.id, event]));
  return [
    ...history.filter(({ id }) => !firsts.has(id)).map((event) => `${follower}: never got ${told(event)}`),
    ...[...firsts.values()].flatMap((receipt) => {
      const event = stored.get(receipt.id);
      if (!event) return [`${follower}: got ${receipt.id} of ${receipt.subject}, which is not in the history`];
      const isTrue = receipt.subject === subjectOf(event.stream) && receipt.streamrevision === event.revision;
      return isTrue ? [] : [`${follower}: ${told(event)} came as ${receipt.subject} at ${receipt.streamrevision}`];
    }),
    ...outOfOrder(follower, [...firsts.values()]),
  ];
}

function outOfOrder(follower: string, firsts: readonly Receipt[]): string[] {
  const reached = new Map<string, number>();
  const wrong: string[] = [];
  for (const { subject, streamrevision } of firsts) {
    const before = reached.get(subject) ?? -1;
    if (streamrevision < before) wrong.push(`${follower}: ${subject} ${streamrevision} came after ${before}`);
    reached.set(subject, Math.max(before, streamrevision));
  }
  return wrong;
}

/** The subject of a stream's events; undefined when they are not published. */
export function subjectOf(stream: string): string | undefined {
  const dash = stream.indexOf('-');
  const kind = KINDS[stream.slice(0, dash)];
  return kind && `${kind}/${stream.slice(dash + 1)}`;
}

function told({ id, stream, revision }: Published): string {
  return `${id} (${stream}, revision ${revision})`;
}
