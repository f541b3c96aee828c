import * as Type from 'typebox';
import type { TSchema } from 'typebox';
import type { JsonObject } from '../json.js';
import { objectSchema } from './json-schema.js';
import { text, time, uuid, whole } from './fields.js';
import type { CloudEvent, PublicEventType } from './public-events.js';

/** What every published event says beside its data, `type` and `data` apart, which each type has its own of. */
const ENVELOPE = {
  specversion: Type.Literal('1.0', { description: 'The version of CloudEvents' }),
  id: uuid('The event’s id: the same however it is delivered, and when it comes again'),
  source: Type.String({ format: 'uri-reference', description: 'The service that it comes from (EVENTS_SOURCE)' }),
  subject: text('Kind and id of what it happened to, as in `cml_worker/<worker_id>`'),
  time: time('When it was decided'),
  datacontenttype: Type.Literal('application/json', { description: 'The form of `data`' }),
  streamrevision: whole(
    'Extension: grows with every event of one subject, with gaps; tells which of two came first',
    0,
  ),
  position: text('Extension: the event’s position in the feed, to go on from. Opaque'),
  correlationid: text('Extension: the request or job run that it belongs to'),
  causationid: text('Extension: the message that caused it'),
  actor: text('Extension: who caused it: a user’s id, `system`, or a job'),
} satisfies Record<keyof Omit<CloudEvent, 'type' | 'data'>, TSchema>;

/**
 * The JSON Schema (2020-12, and draft-07 as well) of a published type's CloudEvents. Further fields may come at any time,
 * here and within `data`: it is left open.
 */
export function cloudEventSchema({ published }: PublicEventType): JsonObject {
  const { type, schema } = published;
  const { specversion, id, source, ...others } = ENVELOPE;
  const named = Type.Literal(type, { description: 'What happened' });
  const { description } = schema;
  return objectSchema(
    { specversion, id, source, type: named, ...others, data: schema },
    { title: type, ...(typeof description === 'string' && { description }) },
  );
}
