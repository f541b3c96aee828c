import type { JsonObject } from '../json.js';
import { VERSION } from '../version.js';
import { cloudEventSchema } from './cloud-event.schema.js';
import type { PublicEventType, PublicEvents } from './public-events.js';

const HTTP_BINDING = '0.3.0';
const CLOUD_EVENT = 'application/cloudevents+json';

/**
 * What the service sends, as an AsyncAPI 3 document (https://www.asyncapi.com/docs/reference/specification/v3.0.0): the
 * feed, pulled or streamed, and webhooks, with one message for each published type. Its schemas are those of
 * {@link cloudEventSchema}.
 */
export function asyncApiDocument(events: PublicEvents): JsonObject {
  const types = [...events.types().values()];
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Dormouse events',
      version: VERSION,
      description:
        'What happens to CML workers and coaching sessions, as CloudEvents 1.0. Every event comes at least once, those of one ' +
        'subject in their order; whoever has seen an id before may leave it out. Fields, and words of an enumeration, that a ' +
        'receiver does not know are to be taken no notice of; a shape that changes in any other way gets another version in ' +
        'its type.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    defaultContentType: CLOUD_EVENT,
    channels: channels(types),
    operations: operations(events),
    components: {
      messages: { ...each(types, message), ...each(types, webhookMessage, WEBHOOK), cut_off: CUT_OFF },
      messageTraits: { webhook: WEBHOOK_TRAIT },
      schemas: each(types, cloudEventSchema),
    },
  };
}

/** What a webhook's message is named beside the same event in the feed. */
const WEBHOOK = '.webhook';

function channels(types: readonly PublicEventType[]): JsonObject {
  const fromFeed = each(types, ({ published }) => ref('messages', published.type));
  return {
    feed: {
      address: '/events',
      title: 'The feed, page by page',
      description: 'Each message is one of the `events` of a page; its `position` is where the next one begins.',
      messages: fromFeed,
    },
    stream: {
      address: '/events/stream',
      title: 'The feed, as server-sent events',
      description:
        'Each message is the `data` of an event; its `id` is its position, which a client that comes back sends as Last-Event-ID.',
      messages: { ...fromFeed, cut_off: ref('messages', 'cut_off') },
    },
    webhook: {
      address: null,
      title: 'The URL of a subscription',
      description: 'Chosen by whoever subscribes: POST /subscriptions.',
      messages: each(types, ({ published }) => ref('messages', `${published.type}${WEBHOOK}`), WEBHOOK),
    },
  };
}

function operations(events: PublicEvents): JsonObject {
  const http = (method: string, query?: JsonObject): JsonObject => ({
    http: { method, ...(query && { query }), bindingVersion: HTTP_BINDING },
  });
  const selection = selectionParameters(events);
  return {
    pullEvents: {
      action: 'send',
      channel: { $ref: '#/channels/feed' },
      summary: 'Answers with the events after a position, and waits for some when asked to',
      bindings: http('GET', { type: 'object', properties: { ...selection, ...PULL_PARAMETERS } }),
    },
    streamEvents: {
      action: 'send',
      channel: { $ref: '#/channels/stream' },
      summary: 'Sends the events after a position, then those that come',
      bindings: http('GET', { type: 'object', properties: { ...selection, after: PULL_PARAMETERS.after } }),
    },
    pushEvents: {
      action: 'send',
      channel: { $ref: '#/channels/webhook' },
      summary: 'Posts each event to the URL of the subscription until it is accepted',
      bindings: http('POST'),
    },
  };
}

const PULL_PARAMETERS = {
  after: { type: 'string', description: 'A position, exclusive; or `beginning`, or `now`' },
  limit: { type: 'integer', minimum: 1, maximum: 1000, default: 100, description: 'At most so many events' },
  wait: { type: 'integer', minimum: 0, maximum: 60, default: 0, description: 'Seconds to wait when there are none' },
};

function selectionParameters(events: PublicEvents): JsonObject {
  return {
    type: {
      type: 'array',
      items: { type: 'string', enum: [...events.types().keys()] },
      description: 'Only events of these types; default: all',
    },
    aggregate_kind: { type: 'string', enum: [...events.kinds()], description: 'Only events of this kind of subjects' },
    aggregate_id: { type: 'string', description: 'Only events of the subject with this id; needs its kind' },
    subject: { type: 'string', description: 'Both in one, as the events say it: `<kind>/<id>`' },
  };
}

function message({ published, definition }: PublicEventType): JsonObject {
  return {
    name: published.type,
    title: definition.summary ?? published.type,
    contentType: CLOUD_EVENT,
    payload: ref('schemas', published.type),
    correlationId: { location: '$message.payload#/correlationid' },
  };
}

function webhookMessage(type: PublicEventType): JsonObject {
  return { ...message(type), traits: [ref('messageTraits', 'webhook')] };
}

/** https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md */
const WEBHOOK_TRAIT: JsonObject = {
  headers: {
    type: 'object',
    required: ['webhook-id', 'webhook-timestamp', 'webhook-signature'],
    properties: {
      'webhook-id': { type: 'string', description: 'The same when the same event is delivered again' },
      'webhook-timestamp': { type: 'string', pattern: '^\\d+$', description: 'When it was sent, seconds since 1970' },
      'webhook-signature': {
        type: 'string',
        description:
          'Signatures of `id.timestamp.body` by the Standard Webhooks scheme, separated by spaces: `v1,` and an HMAC-SHA256 in base64',
      },
    },
  },
};

const CUT_OFF: JsonObject = {
  name: 'dormouse.cut_off',
  title: 'the service ends the stream; come back with the last id',
  contentType: 'application/json',
  payload: {
    type: 'object',
    required: ['code', 'detail'],
    properties: {
      code: { type: 'string', description: 'Why, in a word' },
      detail: { type: 'string', description: 'Why, for people' },
    },
  },
};

function ref(component: string, name: string): JsonObject {
  return { $ref: `#/components/${component}/${name}` };
}

/** An object with something for each type, by its name. */
function each(types: readonly PublicEventType[], make: (type: PublicEventType) => JsonObject, suffix = ''): JsonObject {
  return Object.fromEntries(types.map((type) => [`${type.published.type}${suffix}`, make(type)]));
}
