import { Injectable } from '@nestjs/common';
import { PlatformSettings } from '../config/platform-settings.js';
import { InvalidInput } from '../errors.js';
import { EventCodec, EventNotReadable } from '../event-store/event-codec.js';
import type { EventCategory, EventTypeDefinition, PublishedEvent } from '../event-store/event-codec.js';
import type { EventFilter, RecordedEvent } from '../event-store/event-store.port.js';
import type { JsonObject } from '../json.js';

/** A CloudEvent 1.0 in its JSON form. https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md */
export interface CloudEvent {
  readonly specversion: '1.0';
  /** The stored event's id: the same on every way that it is published, and when it comes again. */
  readonly id: string;
  readonly source: string;
  readonly type: string;
  /** `<kind>/<id>` of the aggregate. */
  readonly subject: string;
  /** When it was decided. */
  readonly time: string;
  readonly datacontenttype: 'application/json';
  /** Extension: revision in the aggregate's history; grows with every event of one aggregate, with gaps. */
  readonly streamrevision: number;
  /** Extension: position in the feed, to go on from. */
  readonly position: string;
  /** Extension of the CloudEvents project (correlation): the request or job run that it belongs to. */
  readonly correlationid: string;
  /** Extension of the CloudEvents project (correlation): the message that caused it. */
  readonly causationid: string;
  /** Extension: who caused it. */
  readonly actor: string;
  readonly data: JsonObject;
}

/** A published type, with where it comes from. */
export interface PublicEventType {
  readonly category: EventCategory;
  readonly storedType: string;
  readonly definition: EventTypeDefinition;
  readonly published: PublishedEvent;
}

/** Which events somebody wants; what is absent does not matter. */
export interface EventSelection {
  /** Published names, such as `dormouse.cml_worker.paused.v1`. */
  readonly types?: readonly string[];
  /** `cml_worker`, ... */
  readonly aggregateKind?: string;
  /** The aggregate's id; needs its kind. */
  readonly aggregateId?: string;
}

/**
 * What services outside may see of the stored events, made from the same definitions that the codec reads them by.
 * Categories register at start; everything here is looked up when it is first asked for, after that.
 */
@Injectable()
export class PublicEvents {
  private table: ReadonlyMap<string, PublicEventType> | undefined;
  private byStoredType: ReadonlyMap<string, PublicEventType> | undefined;

  constructor(
    private readonly codec: EventCodec,
    private readonly settings: PlatformSettings,
  ) {}

  /** The published types by their published names, which the codec keeps apart. */
  types(): ReadonlyMap<string, PublicEventType> {
    this.table ??= publishedTypes(this.codec.categories());
    return this.table;
  }

  /** The kinds of aggregates that anything is published of. */
  kinds(): readonly string[] {
    return [...new Set([...this.types().values()].map(({ category }) => category.kind))];
  }

  /**
   * What to ask the event store for. The store may hand over more than was selected: {@link matcher} says so exactly.
   *
   * Without named types whole categories are asked for and what is not published is left out here: during a rolling
   * upgrade a newer instance may have written events of a type that this program does not know, and leaving those out
   * unseen would be a gap that nobody notices.
   *
   * @throws {InvalidInput} a type or kind that is not published, or an id without its kind
   */
  filterOf(selection: EventSelection): EventFilter {
    const chosen = this.chosenTypes(selection);
    const categories = new Set(chosen.map(({ category }) => category.category));
    const streamPrefixes = [...categories].map((category) => `${category}-${selection.aggregateId ?? ''}`);
    if (!selection.types) return { streamPrefixes };
    return { types: chosen.map(({ storedType }) => storedType), streamPrefixes };
  }

  /**
   * Whether an event is one of the selected, as a function to ask of many. Events of a type that this program does not
   * know are, unless types are named: {@link cloudEvent} then says that they cannot be read.
   *
   * @throws as {@link filterOf}
   */
  matcher(selection: EventSelection): (event: Pick<RecordedEvent, 'type' | 'stream'>) => boolean {
    const chosen = this.chosenTypes(selection);
    const types = new Set(chosen.map(({ storedType }) => storedType));
    const categories = new Set(chosen.map(({ category }) => category.category));
    const known = this.codec.registered();
    const { aggregateId } = selection;
    return ({ type, stream }) => {
      if (!types.has(type) && (selection.types !== undefined || known.has(type))) return false;
      if (!categories.has(categoryOf(stream))) return false;
      return aggregateId === undefined || idOf(stream) === aggregateId;
    };
  }

  /**
   * A stored event as it is published.
   *
   * @param position its token
   * @returns undefined when events of its type are not published
   * @throws {EventNotReadable} written by a newer version of this program, or not to be mapped
   */
  cloudEvent(recorded: RecordedEvent, position: string): CloudEvent | undefined {
    this.byStoredType ??= new Map([...this.types().values()].map((type) => [type.storedType, type]));
    const type = this.byStoredType.get(recorded.type);
    if (!type) {
      if (this.codec.registered().has(recorded.type)) return undefined;
      throw new EventNotReadable(recorded, 'its type is not known to this program.');
    }
    const { id, stream, revision, metadata } = recorded;
    const aggregateId = idOf(stream);
    return {
      specversion: '1.0',
      id,
      source: this.settings.EVENTS_SOURCE,
      type: type.published.type,
      subject: `${type.category.kind}/${aggregateId}`,
      time: metadata.time,
      datacontenttype: 'application/json',
      streamrevision: revision,
      position,
      correlationid: metadata.$correlationId,
      causationid: metadata.$causationId,
      actor: metadata.actor,
      data: this.publishedData(type, recorded, aggregateId),
    };
  }

  private publishedData({ published }: PublicEventType, recorded: RecordedEvent, aggregateId: string): JsonObject {
    const data = this.codec.upcast(recorded);
    try {
      return published.map(data, aggregateId);
    } catch (error) {
      // A defect of the mapping; as with an upcaster's, the event is left where it is until there is a better program.
      throw new EventNotReadable(recorded, `it has no form as ${published.type}.`, { cause: error });
    }
  }

  private chosenTypes({ types, aggregateKind, aggregateId }: EventSelection): readonly PublicEventType[] {
    const all = this.types();
    const problems: { field: string; message: string }[] = [];
    const unknown = types?.filter((type) => !all.has(type)) ?? [];
    if (unknown.length > 0) {
      const accepted = [...all.keys()].join(', ');
      problems.push({
        field: 'type',
        message: `${unknown.map((t) => `'${t}'`).join(', ')} is not published; accepted: ${accepted}`,
      });
    }
    if (aggregateKind !== undefined && !this.kinds().includes(aggregateKind)) {
      problems.push({ field: 'aggregate_kind', message: `accepted: ${this.kinds().join(', ')}` });
    }
    if (aggregateId !== undefined && aggregateKind === undefined) {
      problems.push({ field: 'aggregate_kind', message: 'is needed with aggregate_id' });
    }
    if (problems.length > 0) throw new InvalidInput(problems);
    const named = types ? types.flatMap((type) => all.get(type) ?? []) : [...all.values()];
    const chosen =
      aggregateKind === undefined ? named : named.filter(({ category }) => category.kind === aggregateKind);
    if (chosen.length > 0) return chosen;
    throw new InvalidInput([{ field: 'type', message: `none of these is published of '${aggregateKind}'` }]);
  }
}

/** The aggregate's id: what follows the first dash in the stream's name. */
export function idOf(stream: string): string {
  return stream.slice(stream.indexOf('-') + 1);
}

function categoryOf(stream: string): string {
  return stream.slice(0, Math.max(0, stream.indexOf('-')));
}

function publishedTypes(categories: readonly EventCategory[]): ReadonlyMap<string, PublicEventType> {
  const table = new Map<string, PublicEventType>();
  for (const category of categories) {
    for (const [storedType, definition] of Object.entries(category.types)) {
      const { published } = definition;
      if (!published) continue;
      table.set(published.type, { category, storedType, definition, published });
    }
  }
  return table;
}
