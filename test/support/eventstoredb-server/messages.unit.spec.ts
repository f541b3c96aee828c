import { describe, expect, it } from '@jest/globals';
import persistent from '@eventstore/db-client/generated/persistent_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import fc from 'fast-check';
import {
  caughtUpMessage,
  checkpointMessage,
  confirmationMessage,
  eventMessage,
  persistentEventMessage,
  streamNameIn,
  streamNotFoundMessage,
  uuidIn,
} from './messages.js';
import type { UuidForm } from './messages.js';
import { DELETED_STREAM } from './records.js';
import type { StoredEvent } from './records.js';

const anyEvent: fc.Arbitrary<StoredEvent> = fc.record({
  id: fc.uuid(),
  type: fc.string({ unit: 'grapheme', minLength: 1 }),
  contentType: fc.constantFrom('application/json', 'application/octet-stream'),
  data: fc.uint8Array({ maxLength: 300 }),
  metadata: fc.uint8Array({ maxLength: 300 }),
  stream: fc.string({ unit: 'grapheme', minLength: 1 }),
  revision: fc.oneof(fc.bigInt(0n, 2n ** 54n), fc.constant(DELETED_STREAM)),
  position: fc.maxSafeNat(),
  created: fc.integer({ min: 0, max: 4_000_000_000_000 }),
});

const anyForm = fc.constantFrom<UuidForm>('string', 'structured');

type Recorded = ReturnType<NonNullable<ReturnType<InstanceType<typeof streams.ReadResp>['getEvent']>>['getEvent']>;

function decoded(message: Recorded): StoredEvent | undefined {
  if (!message) return undefined;
  const metadata = message.getMetadataMap();
  expect(message.getPreparePosition()).toBe(message.getCommitPosition());
  return {
    id: uuidIn(message.getId()),
    type: String(metadata.get('type')),
    contentType: String(metadata.get('content-type')),
    data: Uint8Array.from(message.getData_asU8()),
    metadata: Uint8Array.from(message.getCustomMetadata_asU8()),
    stream: streamNameIn(message.getStreamIdentifier()),
    revision: BigInt(message.getStreamRevision()),
    position: Number(message.getCommitPosition()),
    created: Number(metadata.get('created')) / 10_000,
  };
}

describe('What the server writes is read by the generated classes as it was meant', () => {
  it('events and links, with ids in both forms', () => {
    const link = fc.option(anyEvent, { nil: undefined });
    fc.assert(
      fc.property(anyEvent, link, anyForm, (event, link, form) => {
        const bytes = eventMessage({ event, link }, form);
        const message = streams.ReadResp.deserializeBinary(bytes).getEvent();
        expect(message?.getEvent()?.getId()?.hasStructured()).toBe(form === 'structured');
        expect(decoded(message?.getEvent())).toEqual(event);
        expect(decoded(message?.getLink())).toEqual(link);
        expect(message?.getCommitPosition()).toBe(String((link ?? event).position));
      }),
    );
  });

  it('an event that is larger than what the writer has room for', () => {
    const [event] = fc.sample(anyEvent, 1);
    const data = Buffer.alloc(1_000_000, 'ä');
    const bytes = eventMessage({ event: { ...event!, data }, link: undefined }, 'string');
    const message = streams.ReadResp.deserializeBinary(bytes).getEvent()?.getEvent();
    expect(data.equals(message!.getData_asU8())).toBe(true);
    expect(message!.getId()?.getString()).toBe(event!.id);
  });

  it('a link to nothing', () => {
    fc.assert(
      fc.property(anyEvent, (link) => {
        const bytes = eventMessage({ event: undefined, link }, 'string');
        const message = streams.ReadResp.deserializeBinary(bytes).getEvent();
        expect(message?.hasEvent()).toBe(false);
        expect(decoded(message?.getLink())).toEqual(link);
      }),
    );
  });

  it('events of persistent subscriptions, with their retry count', () => {
    fc.assert(
      fc.property(anyEvent, fc.nat(300), (event, retries) => {
        const bytes = persistentEventMessage({ event, link: undefined }, 'string', retries);
        const message = persistent.ReadResp.deserializeBinary(bytes).getEvent();
        expect(message?.getRetryCount()).toBe(retries);
        expect(message?.getEvent()?.getId()?.getString()).toBe(event.id);
      }),
    );
  });

  it('the other messages', () => {
    const read = (bytes: Buffer) => streams.ReadResp.deserializeBinary(bytes);
    expect(read(confirmationMessage('one')).getConfirmation()?.getSubscriptionId()).toBe('one');
    expect(read(checkpointMessage(4711)).getCheckpoint()?.getCommitPosition()).toBe('4711');
    expect(read(checkpointMessage(4711)).getCheckpoint()?.getPreparePosition()).toBe('4711');
    expect(streamNameIn(read(streamNotFoundMessage('käse-1')).getStreamNotFound()?.getStreamIdentifier())).toBe(
      'käse-1',
    );
    expect(read(caughtUpMessage()).hasCaughtUp()).toBe(true);
    const confirmation = persistent.ReadResp.deserializeBinary(confirmationMessage('two'));
    expect(confirmation.getSubscriptionConfirmation()?.getSubscriptionId()).toBe('two');
  });
});
