import type { Static, TObject, TProperties, TSchema } from 'typebox';
import type {
  DomainEvent,
  EventCategory,
  EventTypeDefinition,
  PublishedEvent,
  Upcaster,
} from '../event-store/event-codec.js';
import type { JsonValue } from '../json.js';
import { closed, objectSchema } from './json-schema.js';

/** What is said of one event type where its context writes it down. */
export interface EventContract<Fields extends TProperties> {
  /** Present schema version, from 1. */
  readonly version: number;
  /** `upcasters[n]` lifts version n to n + 1; all from 1 to `version` - 1 are needed. */
  readonly upcasters?: Readonly<Record<number, Upcaster>>;
  /** When it happens, in a line. */
  readonly summary: string;
  /** The data's fields as they are stored in the present version: these, and no other. */
  readonly schema: Fields;
  /** How services outside see it; absent: they do not. */
  readonly published?: PublishedAsStored<Fields> | PublishedEvent;
}

/** Published with the fields that are stored, the aggregate's id first. */
export interface PublishedAsStored<Fields extends TProperties> {
  /** `dormouse.<kind>.<what happened>.v<n>`. */
  readonly type: string;
  /** What stays inside: not of use outside, or not for others to see. */
  readonly without?: readonly (keyof Fields & string)[];
  /** What those who get it should know beside its summary. */
  readonly note?: string;
}

/** The category of a context's events, as {@link eventCategory} makes it. */
export interface ContextEventCategory<E extends DomainEvent> extends EventCategory {
  readonly types: { readonly [Type in E['type']]: EventTypeDefinition };
}

/** What a contract says of its category beside the event types. */
interface CategoryContract extends Omit<EventCategory, 'types' | 'idField'> {
  /** The field that the aggregate's id has in what is published. */
  readonly id: { readonly [field: string]: TSchema };
}

/**
 * Ties a context's event types to their contracts, in both directions: a type without a contract, a contract without a
 * type, and a field that the schema and the domain's type disagree about are errors of the compiler, which names them.
 *
 * @example
 * export const kettles = eventCategory<KettleEvent>()({
 *   category: 'kettle', kind: 'kettle', summary: '...', id: { kettle_id: uuid('...') },
 *   types: { KettleBoiled: { version: 1, summary: '...', schema: { boiled_at: time('...') } } },
 * });
 */
export function eventCategory<E extends DomainEvent>() {
  return <Fields extends { readonly [Type in E['type']]: TProperties }>(
    contract: CategoryContract & {
      readonly types: {
        readonly [Type in keyof Fields]: EventContract<Fields[Type]> &
          Agreement<Static<TObject<Fields[Type]>>, Extract<E, { type: Type }>['data']>;
      };
    },
  ): ContextEventCategory<E> => {
    const { category, kind, summary, id } = contract;
    const contracts: readonly (readonly [string, EventContract<TProperties>])[] = Object.entries(
      contract.types as object,
    );
    const types = contracts.map(([type, of]) => [type, definitionOf(of, id)] as const);
    const [idField = ''] = Object.keys(id);
    // Its keys are those of `contract.types`, which are all types of E: what fromEntries cannot know.
    return { category, kind, summary, idField, types: Object.fromEntries(types) as ContextEventCategory<E>['types'] };
  };
}

function definitionOf(contract: EventContract<TProperties>, id: CategoryContract['id']): EventTypeDefinition {
  const { published, schema: fields, ...definition } = contract;
  const { summary } = contract;
  const sentence = `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
  return {
    ...definition,
    schema: closed(objectSchema(fields, { description: sentence })),
    ...(published && {
      published: 'map' in published ? published : publishedAsStored(published, fields, id, sentence),
    }),
  };
}

/**
 * Only fields that are named here go out. The schema itself is left open, other than that of what is stored: who follows
 * the events takes no notice of fields that it does not know, so that some can be added.
 */
function publishedAsStored(
  { type, without = [], note }: PublishedAsStored<TProperties>,
  stored: TProperties,
  id: CategoryContract['id'],
  sentence: string,
): PublishedEvent {
  const [idField = ''] = Object.keys(id);
  const fields = Object.keys(stored).filter((field) => field !== idField && !without.includes(field));
  const outside = { ...id, ...Object.fromEntries(Object.entries(stored).filter(([field]) => fields.includes(field))) };
  return {
    type,
    schema: objectSchema(outside, { description: note === undefined ? sentence : `${sentence} ${note}` }),
    map: (data, aggregateId) => {
      const published: Record<string, JsonValue> = { [idField]: aggregateId };
      for (const field of fields) {
        const value = data[field];
        if (value !== undefined) published[field] = value;
      }
      return published;
    },
  };
}

/** Nothing to add when both have the same fields with the same types; else an error of the compiler that names the fields. */
type Agreement<Said, Meant> = [Differing<Said, Meant>] extends [never]
  ? unknown
  : { readonly schema: { readonly 'differs from the domain in': Differing<Said, Meant> } };

/** The fields that only one of them has, or that they do not agree about; whether they are readonly does not matter. */
type Differing<Said, Meant> = {
  [Field in keyof Said | keyof Meant]: Field extends keyof Said & keyof Meant
    ? Same<Frozen<Pick<Said, Field>>, Frozen<Pick<Meant, Field>>> extends true
      ? never
      : Field
    : Field;
}[keyof Said | keyof Meant];

type Frozen<T> = T extends readonly (infer Item)[]
  ? readonly Frozen<Item>[]
  : T extends object
    ? { readonly [Field in keyof T]: Frozen<T[Field]> }
    : T;

/** Exactly the same type, not only assignable: an optional field more would be assignable both ways. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
