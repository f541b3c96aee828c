import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { ArrayMaxSize, ArrayNotEmpty, IsOptional, Matches } from 'class-validator';
import type { EventSelection } from '../contracts/public-events.js';
import { InvalidInput } from '../errors.js';
import { WholeNumber } from '../http/whole-number.js';

const KIND_ACCEPTED = 'the kind of an aggregate such as cml_worker is accepted';
const ID_ACCEPTED = 'the id of an aggregate is accepted: 1 to 200 visible ASCII characters';
const AFTER_ACCEPTED = "one position that this feed has handed out, 'beginning' or 'now' is accepted";
const TYPE_ACCEPTED = 'published types such as dormouse.cml_worker.paused.v1 are accepted';

/** `type=a&type=b` and `type=a,b` are the same. */
const listed = ({ value }: { value: unknown }): unknown => {
  const values: unknown[] = Array.isArray(value) ? value : [value];
  return values.flatMap((one) => (typeof one === 'string' ? one.split(',').map((name) => name.trim()) : [one]));
};

/** Which events a client wants, and where it is. */
export class FeedParameters {
  @ApiPropertyOptional({
    type: [String],
    description: 'Only events of these types: repeated, or separated by commas',
    example: ['dormouse.cml_worker.paused.v1'],
  })
  @IsOptional()
  @Transform(listed)
  @ArrayNotEmpty({ message: TYPE_ACCEPTED })
  @ArrayMaxSize(100, { message: 'at most 100 types are accepted' })
  @Matches(/^[a-z0-9._]{1,120}$/, { each: true, message: TYPE_ACCEPTED })
  readonly type?: readonly string[];

  @ApiPropertyOptional({ description: 'Only events of aggregates of this kind', example: 'cml_worker' })
  @IsOptional()
  @Matches(/^[a-z][a-z0-9_]{0,59}$/, { message: KIND_ACCEPTED })
  readonly aggregate_kind?: string;

  @ApiPropertyOptional({ description: 'Only events of this aggregate; needs aggregate_kind' })
  @IsOptional()
  @Matches(/^[\x21-\x7e]{1,200}$/, { message: ID_ACCEPTED })
  readonly aggregate_id?: string;

  @ApiPropertyOptional({
    description: 'The same as aggregate_kind and aggregate_id, as the events say it: `<kind>/<id>`',
    example: 'cml_worker/00000000-0000-5000-8000-000000000000',
  })
  @IsOptional()
  @Matches(/^[a-z][a-z0-9_]{0,59}\/[\x21-\x7e]{1,200}$/, {
    message: 'the subject of events is accepted: <kind>/<id>',
  })
  readonly subject?: string;

  @ApiPropertyOptional({
    description:
      'Go on after this: the `position` of an event or of a page, or the `id` of a server-sent event; `beginning`; `now`',
  })
  @IsOptional()
  @Matches(/^[\x21-\x7e]{1,100}$/, { message: AFTER_ACCEPTED })
  readonly after?: string;
}

export class FeedPageParameters extends FeedParameters {
  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: 1000, default: 100, description: 'At most so many' })
  @WholeNumber(1, 1000)
  readonly limit: number = 100;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    maximum: 60,
    default: 0,
    description: 'Seconds to wait for an event when there is none',
  })
  @WholeNumber(0, 60)
  readonly wait: number = 0;
}

/**
 * @param kinds of aggregates that anything is published of
 * @throws {InvalidInput} a subject of none of them, or one that is not the aggregate that is given as well
 */
export function selectionOf(parameters: FeedParameters, kinds: readonly string[]): EventSelection {
  const { type, aggregate_kind, aggregate_id, subject } = parameters;
  const slash = subject?.indexOf('/') ?? -1;
  const kind = subject?.slice(0, slash) ?? aggregate_kind;
  const id = subject?.slice(slash + 1) ?? aggregate_id;
  if (subject !== undefined && kind !== undefined && !kinds.includes(kind)) {
    const message = `<kind>/<id> is accepted, of these kinds: ${kinds.join(', ')}`;
    throw new InvalidInput([{ field: 'subject', message }]);
  }
  if (kind !== (aggregate_kind ?? kind) || id !== (aggregate_id ?? id)) {
    const message =
      'the same aggregate as by aggregate_kind and aggregate_id is accepted; one of the two ways is enough';
    throw new InvalidInput([{ field: 'subject', message }]);
  }
  return {
    ...(type && { types: [...new Set(type)] }),
    ...(kind !== undefined && { aggregateKind: kind }),
    ...(id !== undefined && { aggregateId: id }),
  };
}

/** A CloudEvent 1.0, for the OpenAPI document. */
export class CloudEventDto {
  @ApiProperty({ enum: ['1.0'] }) readonly specversion!: string;
  @ApiProperty({ format: 'uuid' }) readonly id!: string;
  @ApiProperty({ example: 'urn:dormouse' }) readonly source!: string;
  @ApiProperty({ example: 'dormouse.cml_worker.paused.v1' }) readonly type!: string;
  @ApiProperty({ description: '`<kind>/<id>` of the aggregate' }) readonly subject!: string;
  @ApiProperty({ type: String, format: 'date-time', description: 'When it was decided' }) readonly time!: string;
  @ApiProperty({ enum: ['application/json'] }) readonly datacontenttype!: string;
  @ApiProperty({ description: 'Grows with every event of one aggregate, with gaps' }) readonly streamrevision!: number;
  @ApiProperty({ description: 'Position in the feed, to go on from' }) readonly position!: string;
  @ApiProperty({ description: 'The request or job run that it belongs to' }) readonly correlationid!: string;
  @ApiProperty({ description: 'The message that caused it' }) readonly causationid!: string;
  @ApiProperty({ description: 'Who caused it' }) readonly actor!: string;
  @ApiProperty({ type: Object, additionalProperties: true, description: 'As /asyncapi.json describes it for the type' })
  readonly data!: object;
}

export class FeedPageDto {
  @ApiProperty({ type: [CloudEventDto] }) readonly events!: readonly CloudEventDto[];
  @ApiProperty({ description: 'Pass as `after` to go on; it moves on over what was not asked for, too' })
  readonly position!: string;
  @ApiProperty({ description: 'There was nothing beyond this page when it was read' }) readonly live!: boolean;
}
