import type { JsonObject } from '../json.js';
import { DormouseError } from '../errors.js';
import type { NewEvent, RecordedEvent } from './event-store.port.js';

/** An event of a domain: a type name that is the storage format for ever, and JSON data. */
export interface DomainEvent {
  readonly type: string;
  readonly data: object;
}

/** Turns the data of one schema version into that of the next. Must not throw on data of its version. */
export type Upcaster = (data: JsonObject) => JsonObject;

/** How one event type is stored, and what is said of it: documents and contracts are made from here. */
export interface EventTypeDefinition {
  /** Present schema version, from 1. */
  readonly version: number;
  /** `upcasters[n]` lifts version n to n + 1; all from 1 to `version` - 1 are needed. */
  readonly upcasters?: Readonly<Record<number, Upcaster>>;
  /** When it happens, in a line. */
  readonly summary?: string;
  /** JSON Schema (2020-12) of the data in its present version. */
  readonly schema?: JsonObject;
  /** How services outside see it; absent: they do not. */
  readonly published?: PublishedEvent;
}

/**
 * A stored event as it is published: a name and a schema of its own, so that what is stored can change without those who
 * follow noticing. A published shape never changes; another one gets the next version in its name, beside this one.
 */
export interface PublishedEvent {
  /** `dormouse.<kind>.<what happened>.v<n>`, such as `dormouse.cml_worker.paused.v1`. */
  readonly type: string;
  /** JSON Schema (2020-12) of what {@link map} makes. */
  readonly schema: JsonObject;
  /**
   * From the stored data, in its present shape, to the published one. Pure; must not throw.
   * @param id the aggregate's: what follows the first dash in the stream's name
   */
  readonly map: (data: JsonObject, id: string) => JsonObject;
}

/** The streams of one kind of aggregate, with everything that is stored in them. */
export interface EventCategory {
  /** The first part of the streams' names: `cmlWorker` in `cmlWorker-<worker_id>`. */
  readonly category: string;
  /** What services outside call such an aggregate: `cml_worker`. */
  readonly kind: string;
  /** What such a stream is, for the documents. */
  readonly summary: string;
  /** What the aggregate's id is called where it is a field, for the documents: `worker_id`. */
  readonly idField?: string;
  readonly types: Readonly<Record<string, EventTypeDefinition>>;
}

/** A recorded event whose data has the present shape of its type. */
export interface DecodedEvent<E extends DomainEvent = DomainEvent> extends Omit<RecordedEvent, 'type' | 'data'> {
  readonly event: E;
}

/** A stored event that this program cannot read: unknown type, or written by a newer version. */
export class EventNotReadable extends DormouseError {
  constructor(
    readonly recorded: Pick<RecordedEvent, 'stream' | 'revision' | 'type'>,
    why: string,
    options?: ErrorOptions,
  ) {
    super(
      'event_not_readable',
      500,
      `Event ${recorded.revision} of stream '${recorded.stream}' (${recorded.type}) cannot be read: ${why}`,
      {},
      options,
    );
  }
}

/**
 * Between domain events and stored ones: schema versions and upcasters. Every context registers its types once, at
 * start; a committed sample of every version ever stored is decoded by the tests, so stored events stay readable.
 */
export class EventCodec {
  private readonly definitions = new Map<string, EventTypeDefinition>();
  private readonly publishedNames = new Set<string>();
  private readonly registeredCategories = new Map<string, EventCategory>();

  /** Registers a category with all of its types. @throws as {@link register} */
  registerCategory(category: EventCategory): void {
    for (const { category: name, kind } of this.registeredCategories.values()) {
      if (name === category.category) throw new Error(`Event category '${name}' is registered twice.`);
      if (kind === category.kind)
        throw new Error(`Event categories '${name}' and '${category.category}' are both '${kind}'.`);
    }
    this.register(category.types);
    this.registeredCategories.set(category.category, category);
  }

  /** The categories, in the order of their registration. */
  categories(): readonly EventCategory[] {
    return [...this.registeredCategories.values()];
  }

  /** @throws when a type or published name is registered twice, or an upcaster is missing (a defect, found at start) */
  register(types: Readonly<Record<string, EventTypeDefinition>>): void {
    for (const [type, definition] of Object.entries(types)) {
      if (this.definitions.has(type)) throw new Error(`Event type '${type}' is registered twice.`);
      for (let version = 1; version < definition.version; version++) {
        if (!definition.upcasters?.[version]) {
          throw new Error(`Event type '${type}' has no upcaster from version ${version} to ${version + 1}.`);
        }
      }
      this.definitions.set(type, definition);
      this.takePublishedName(definition.published);
    }
  }

  private takePublishedName(published: PublishedEvent | undefined): void {
    if (!published) return;
    const { type } = published;
    if (this.publishedNames.has(type)) throw new Error(`Published event type '${type}' is registered twice.`);
    this.publishedNames.add(type);
  }

  /** Type names and present versions of everything that can be stored. */
  registered(): ReadonlyMap<string, EventTypeDefinition> {
    return this.definitions;
  }

  /** Present schema version of a type. */
  versionOf(type: string): number {
    const definition = this.definitions.get(type);
    if (!definition) throw new Error(`Event type '${type}' is not registered.`);
    return definition.version;
  }

  encode(event: DomainEvent, id: string, metadata: Omit<NewEvent['metadata'], 'schema_version'>): NewEvent {
    return {
      id,
      type: event.type,
      data: event.data as JsonObject,
      metadata: { ...metadata, schema_version: this.versionOf(event.type) },
    };
  }

  /** @throws {EventNotReadable} */
  decode<E extends DomainEvent>(recorded: RecordedEvent): DecodedEvent<E> {
    const { id, type, metadata, stream, revision, position, recordedAt } = recorded;
    const event = { type, data: this.upcast(recorded) } as unknown as E;
    // Field by field: a rest pattern costs half a microsecond for each event of a replay.
    return { id, metadata, stream, revision, position, recordedAt, event };
  }

  /** The event's data in the present shape of its type. @throws {EventNotReadable} */
  upcast(recorded: RecordedEvent): JsonObject {
    const definition = this.definitions.get(recorded.type);
    if (!definition) throw new EventNotReadable(recorded, 'its type is not known to this program.');
    const version = recorded.metadata.schema_version;
    if (version === definition.version) return recorded.data;
    if (!Number.isInteger(version) || version < 1 || version > definition.version) {
      throw new EventNotReadable(recorded, `schema version ${version}, this program knows 1 to ${definition.version}.`);
    }
    let data = recorded.data;
    for (let from = version; from < definition.version; from++) {
      const upcaster = definition.upcasters?.[from];
      if (!upcaster) throw new EventNotReadable(recorded, `no upcaster from version ${from}.`);
      try {
        data = upcaster(data);
      } catch (error) {
        throw new EventNotReadable(recorded, `the upcaster from version ${from} failed.`, { cause: error });
      }
    }
    return data;
  }
}
