import { readFileSync } from 'node:fs';
import type { Node, Pair, YAMLMap, YAMLSeq } from 'yaml';
import { LineCounter, isMap, isScalar, isSeq, parseDocument } from 'yaml';
import { messageOf } from '../../platform/errors.js';
import type { CoachingTopic } from '../domain/coaching-topic.js';
import { BUILT_IN_TOPICS, TOPIC_DEFAULTS } from '../domain/coaching-topic.js';

/** The topics file cannot be used. Each problem names its line and what is accepted. */
export class TopicsFileRefused extends Error {
  constructor(readonly problems: readonly string[]) {
    super(problems.join('; '));
    this.name = 'TopicsFileRefused';
  }
}

export interface TopicsFileOptions {
  /** Timeouts of any length above zero, decimals included. */
  readonly allowShortTimeouts: boolean;
}

/** What a field of a topic accepts, for people and for the check. */
interface FieldRule {
  readonly accepted: string;
  readonly accepts: (value: unknown) => boolean;
}

const MOST_MINUTES = 1440;
const TOPIC_ID = /^[A-Za-z0-9][\w.-]{0,99}$/;

/**
 * Reads a topics file, YAML or JSON: a list of topics, or the same under `topics`. A topic with the id of one that is there
 * already changes the fields that it names; any other needs a name and has the defaults for the rest.
 *
 * ```yaml
 * topics:
 *   - topic_id: purpose
 *     inactivity_timeout_minutes: 60
 *   - topic_id: values_in_teams
 *     name: Values in Teams
 * ```
 *
 * @returns the built-in topics with what the file changes and adds
 * @throws {TopicsFileRefused} with everything that is wrong in the file, line by line
 */
export function readTopicsFile(path: string, options: TopicsFileOptions): readonly CoachingTopic[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new TopicsFileRefused([`the file cannot be read: ${messageOf(error)}`]);
  }
  return parseTopics(text, options);
}

/** The same for the file's text. */
export function parseTopics(text: string, { allowShortTimeouts }: TopicsFileOptions): readonly CoachingTopic[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    throw new TopicsFileRefused(
      document.errors.map((error) => `line ${lines.linePos(error.pos[0]).line}: ${error.message.trim()}`),
    );
  }
  const reader = new TopicsReader(lines, fieldRules(allowShortTimeouts));
  const topics = reader.read(document.contents);
  if (reader.problems.length > 0) throw new TopicsFileRefused(reader.problems);
  return topics;
}

function fieldRules(allowShortTimeouts: boolean): ReadonlyMap<string, FieldRule> {
  const whole = (least: number, most: number): FieldRule => ({
    accepted: `a whole number from ${least} to ${most} is accepted`,
    accepts: (value) => Number.isInteger(value) && Number(value) >= least && Number(value) <= most,
  });
  const anyTimeout: FieldRule = {
    accepted: `a number of minutes above 0 to ${MOST_MINUTES} is accepted`,
    accepts: (value) => typeof value === 'number' && value > 0 && value <= MOST_MINUTES,
  };
  const timeout = whole(5, MOST_MINUTES);
  return new Map<string, FieldRule>([
    [
      'topic_id',
      {
        accepted: 'letters, digits, `_`, `.` and `-`, at most 100, a letter or digit first, are accepted',
        accepts: (value) => typeof value === 'string' && TOPIC_ID.test(value),
      },
    ],
    [
      'name',
      {
        accepted: 'text of 1 to 200 characters is accepted',
        accepts: (value) =>
          typeof value === 'string' && value.trim() !== '' && value.length <= 200 && value.isWellFormed(),
      },
    ],
    [
      'inactivity_timeout_minutes',
      allowShortTimeouts
        ? anyTimeout
        : { ...timeout, accepted: `${timeout.accepted} (less with COACHING_ALLOW_SHORT_TIMEOUTS=true)` },
    ],
    ['session_ttl_days', whole(1, 90)],
    ['max_turns', whole(0, 1_000_000)],
    ['resume_on_message', { accepted: 'true or false is accepted', accepts: (value) => typeof value === 'boolean' }],
  ]);
}

/** Goes through the file's nodes, which know their lines, and collects what is wrong with them. */
class TopicsReader {
  readonly problems: string[] = [];

  constructor(
    private readonly lines: LineCounter,
    private readonly rules: ReadonlyMap<string, FieldRule>,
  ) {}

  read(contents: unknown): readonly CoachingTopic[] {
    const topics = new Map(BUILT_IN_TOPICS.map((topic) => [topic.topic_id, topic]));
    const seen = new Set<string>();
    for (const item of this.list(contents)?.items ?? []) {
      if (!isMap(item)) {
        this.problem(item as Node, 'a topic with its fields is accepted');
        continue;
      }
      const given = this.fields(item);
      const { topic_id: id } = given;
      if (id === undefined) {
        if (!item.has('topic_id')) this.problem(item, 'topic_id: is missing');
        continue;
      }
      if (seen.has(id)) this.problem(item, `topic_id: '${id}' is in the file already`);
      seen.add(id);
      const base = topics.get(id);
      if (!base && !item.has('name')) this.problem(item, `name: is missing, and '${id}' is no built-in topic`);
      topics.set(id, { name: id, ...TOPIC_DEFAULTS, ...base, ...given, topic_id: id });
    }
    return [...topics.values()];
  }

  private list(contents: unknown): YAMLSeq | undefined {
    let list = contents;
    if (isMap(contents)) {
      const other = contents.items.find((pair) => keyOf(pair) !== 'topics');
      if (other)
        return this.problem(other.key as Node, `'${keyOf(other)}' is not known; a list under 'topics' is accepted`);
      list = contents.get('topics', true);
    }
    if (isSeq(list)) return list;
    return this.problem((list ?? contents) as Node | null, "a list of topics, or one under 'topics', is accepted");
  }

  /** The fields that are in order. */
  private fields(item: YAMLMap): Partial<CoachingTopic> {
    const given: Record<string, unknown> = {};
    for (const pair of item.items) {
      const field = keyOf(pair);
      const rule = this.rules.get(field);
      const value = isScalar(pair.value) ? pair.value.value : undefined;
      if (!rule) this.problem(pair.key as Node, `'${field}' is not a field of a topic`);
      else if (!rule.accepts(value)) this.problem((pair.value ?? pair.key) as Node, `${field}: ${rule.accepted}`);
      else given[field] = value;
    }
    return given;
  }

  private problem(node: Node | null, what: string): undefined {
    const line = node?.range ? this.lines.linePos(node.range[0]).line : 1;
    this.problems.push(`line ${line}: ${what}`);
  }
}

function keyOf({ key }: Pair): string {
  return isScalar(key) ? String(key.value) : '?';
}
