import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TopicReservation, reservationIdOf } from './topic-reservation.js';
import type { TopicClaim, TopicClaimed } from './topic-reservation.js';
import { specify } from '../../../test/support/given-when-then.js';

const { given } = specify(TopicReservation);

function claim(id: string): TopicClaim {
  return {
    tenant_id: 'acme',
    topic_id: 'core_values',
    session_id: `sess_${id}`,
    user_id: 'ada',
    session_revision: -1,
    activation: { id, type: 'SessionStarted', data: {}, metadata: {} },
    claimed_at: '2026-03-04T12:00:00.000Z',
  };
}

const claimed = (id: string): TopicClaimed => ({ type: 'TopicClaimed', data: claim(id) });

describe('A topic', () => {
  it('that nobody has claimed is nobody’s', () => {
    expect(given().state).toEqual({ claim: null });
  });

  it('is the latest claimer’s', () => {
    expect(given(claimed('a'), claimed('b')).state).toEqual({ claim: claim('b') });
  });

  it('does not mind events of types that are not known', () => {
    const { state } = given(claimed('a'));
    expect(TopicReservation.evolve(state, { type: 'TopicPainted', data: {} } as unknown as TopicClaimed)).toBe(state);
  });
});

describe('The name of a reservation', () => {
  it('can be read back: no two pairs of tenant and topic share one', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 12 }),
      fc.string({ unit: fc.constantFrom('.', '%', '2', 'E', '-', 'a'), maxLength: 8 }),
    );
    fc.assert(
      fc.property(text, text, (tenant, topic) => {
        const name = reservationIdOf(tenant, topic);
        expect(name).toMatch(/^[\w.!~*'()%-]+$/);
        expect(name.split('.').map(decodeURIComponent)).toEqual([tenant, topic]);
      }),
    );
  });

  it.each([
    ['acme', 'core_values', 'acme.core_values'],
    ['a.b', 'c', 'a%2Eb.c'],
    ['a', 'b.c', 'a.b%2Ec'],
  ])('of %s and %s is %s', (tenant, topic, name) => {
    expect(reservationIdOf(tenant, topic)).toBe(name);
  });

  it('is refused for text that is not well-formed, which could be mistaken for another', () => {
    expect(() => reservationIdOf('a\ud800', 'b')).toThrow(URIError);
  });
});
