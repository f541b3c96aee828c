import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { loadSettings } from '../../platform/config/settings.js';
import { CoachingSettings, topicsOf } from '../coaching-settings.js';
import { BUILT_IN_TOPICS } from '../domain/coaching-topic.js';
import type { CoachingTopic } from '../domain/coaching-topic.js';
import { TopicsFileRefused, parseTopics } from './topics-file.js';

const parse = (text: string, allowShortTimeouts = false): readonly CoachingTopic[] =>
  parseTopics(text, { allowShortTimeouts });

function problemsOf(text: string, allowShortTimeouts = false): readonly string[] {
  try {
    parse(text, allowShortTimeouts);
    return [];
  } catch (error) {
    if (error instanceof TopicsFileRefused) return error.problems;
    throw error;
  }
}

const ADDED: CoachingTopic = {
  topic_id: 'team.values-2',
  name: 'Values in Teams',
  inactivity_timeout_minutes: 45,
  session_ttl_days: 30,
  max_turns: 100,
  resume_on_message: false,
};

describe('A topics file', () => {
  it('adds topics to the built-in ones', () => {
    expect(parse(JSON.stringify({ topics: [ADDED] }))).toEqual([...BUILT_IN_TOPICS, ADDED]);
  });

  it('may be YAML or JSON, a list or a list under `topics`', () => {
    const yaml = 'topics:\n  - topic_id: a\n    name: A\n';
    const bare = '- topic_id: a\n  name: A\n';
    const json = '{\n\t"topics": [{ "topic_id": "a", "name": "A" }]\n}';
    const expected = parse(yaml);
    expect(expected.at(-1)).toEqual({
      topic_id: 'a',
      name: 'A',
      inactivity_timeout_minutes: 30,
      session_ttl_days: 14,
      max_turns: 0,
      resume_on_message: true,
    });
    expect([parse(bare), parse(json)]).toEqual([expected, expected]);
  });

  it('changes the fields of a built-in topic that it names, and leaves the others', () => {
    expect(parse('- {topic_id: purpose, inactivity_timeout_minutes: 60}')).toEqual(
      BUILT_IN_TOPICS.map((topic) =>
        topic.topic_id === 'purpose' ? { ...topic, inactivity_timeout_minutes: 60 } : topic,
      ),
    );
  });

  it('takes ids as they are: another case is another topic', () => {
    expect(parse('- {topic_id: Purpose, name: P}')).toHaveLength(BUILT_IN_TOPICS.length + 1);
  });

  it.each([
    ['- topic_id: a', 'line 1: name: is missing'],
    ['- name: A', 'line 1: topic_id: is missing'],
    ['- topic_id: a\n  name: A\n  color: red', "line 3: 'color' is not a field of a topic"],
    ['- topic_id: a\n  name: ""', 'line 2: name: '],
    ['- topic_id: a b\n  name: A', 'line 1: topic_id: '],
    ['- topic_id: a\n  name: A\n- topic_id: a\n  name: B', "line 3: topic_id: 'a' is in the file already"],
    ['- topic_id: a\n  name: A\n  inactivity_timeout_minutes: 4', 'line 3: inactivity_timeout_minutes: '],
    ['- topic_id: a\n  name: A\n  inactivity_timeout_minutes: 1441', 'line 3: inactivity_timeout_minutes: '],
    ['- topic_id: a\n  name: A\n  inactivity_timeout_minutes: 7.5', 'line 3: inactivity_timeout_minutes: '],
    ['- topic_id: a\n  name: A\n  inactivity_timeout_minutes: soon', 'line 3: inactivity_timeout_minutes: '],
    ['- topic_id: a\n  name: A\n  inactivity_timeout_minutes:', 'line 3: inactivity_timeout_minutes: '],
    ['- topic_id: a\n  name: A\n  session_ttl_days: 91', 'line 3: session_ttl_days: '],
    ['- topic_id: a\n  name: A\n  session_ttl_days: 0', 'line 3: session_ttl_days: '],
    ['- topic_id: a\n  name: A\n  max_turns: -1', 'line 3: max_turns: '],
    ['- topic_id: a\n  name: A\n  resume_on_message: maybe', 'line 3: resume_on_message: '],
    ['- just text', 'line 1: a topic with its fields is accepted'],
    ['topics:\n- topic_id: a\n  name: A\nmore: 1', "line 4: 'more' is not known"],
    ['topics: 5', 'line 1: a list of topics'],
    ['', 'line 1: a list of topics'],
    ['just text', 'line 1: a list of topics'],
    ['topics:\n  - topic_id: a\n    name: [A\n  - x', 'line 4: '],
    ['{"topics": [\n  {"topic_id": "a",\n   "name": "A"\n  }', 'line '],
    ['- {topic_id: a, topic_id: b, name: A}', 'line 1: '],
  ])('%j is refused with line and reason', (text, problem) => {
    expect(problemsOf(text)).toEqual(expect.arrayContaining([expect.stringContaining(problem)]));
  });

  it('is refused with everything that is wrong in it at once', () => {
    expect(problemsOf('- topic_id: a\n  max_turns: x\n- name: B\n  session_ttl_days: 100')).toEqual([
      expect.stringMatching(/^line 2: max_turns/),
      expect.stringMatching(/^line 1: name/),
      expect.stringMatching(/^line 4: session_ttl_days/),
      expect.stringMatching(/^line 3: topic_id/),
    ]);
  });

  it('may have timeouts of any length above zero for trials', () => {
    const text = '- {topic_id: purpose, inactivity_timeout_minutes: 0.05}';
    expect(problemsOf(text)).toHaveLength(1);
    expect(parse(text, true).find(({ topic_id }) => topic_id === 'purpose')).toMatchObject({
      inactivity_timeout_minutes: 0.05,
    });
    expect(problemsOf('- {topic_id: purpose, inactivity_timeout_minutes: 0}', true)).toHaveLength(1);
  });
});

describe('The settings of the coaching sessions', () => {
  const directory = mkdtempSync(join(tmpdir(), 'dormouse-topics-'));
  const file = (text: string): string => {
    const path = join(directory, 'topics.yaml');
    writeFileSync(path, text);
    return path;
  };
  afterAll(() => rmSync(directory, { recursive: true }));

  it('have the spec’s defaults', () => {
    const settings = loadSettings(CoachingSettings, {});
    expect({ ...settings }).toEqual({
      COACHING_AUTO_PAUSE_INTERVAL: 300,
      COACHING_EXPIRY_INTERVAL: 3600,
      COACHING_INACTIVITY_CLOCK: 'updated_at',
      COACHING_ALLOW_SHORT_TIMEOUTS: false,
      COACHING_TOPICS_FILE: null,
    });
    expect(topicsOf(settings).all()).toEqual(BUILT_IN_TOPICS);
  });

  it('take the topics from the file', () => {
    const path = file('- {topic_id: purpose, inactivity_timeout_minutes: 0.5}');
    const environment = { COACHING_TOPICS_FILE: path, COACHING_ALLOW_SHORT_TIMEOUTS: 'true' };
    expect(topicsOf(loadSettings(CoachingSettings, environment)).timeoutOf('purpose')).toEqual({
      minutes: 0.5,
      source: 'topic',
    });
  });

  it('refuse a broken file, naming it, the line and the reason, so that the start stops', () => {
    const path = file('- topic_id: a\n  name: A\n  max_turns: many');
    expect(() => loadSettings(CoachingSettings, { COACHING_TOPICS_FILE: path })).toThrow(
      expect.objectContaining({
        problems: [expect.stringContaining(`COACHING_TOPICS_FILE='${path}': line 3: max_turns: a whole number`)],
      }),
    );
  });

  it('refuse a file that is not there', () => {
    const path = join(directory, 'none.yaml');
    expect(() => loadSettings(CoachingSettings, { COACHING_TOPICS_FILE: path })).toThrow(/cannot be read.*ENOENT/);
  });

  it.each([
    ['COACHING_AUTO_PAUSE_INTERVAL', '0'],
    ['COACHING_EXPIRY_INTERVAL', 'x'],
    ['COACHING_INACTIVITY_CLOCK', 'created_at'],
    ['COACHING_ALLOW_SHORT_TIMEOUTS', 'perhaps'],
  ])('refuse %s=%j, naming both and what is accepted', (name, value) => {
    expect(() => loadSettings(CoachingSettings, { [name]: value })).toThrow(
      expect.objectContaining({ problems: [expect.stringMatching(`${name}='${value}': .* accepted$`)] }),
    );
  });
});
