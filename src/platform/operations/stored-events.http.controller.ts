import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProperty, ApiPropertyOptional, ApiTags } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsIn, IsInt, IsOptional, Matches, Max, Min } from 'class-validator';
import { NotFound } from '../errors.js';
import type { EventBatch, RecordedEvent } from '../event-store/event-store.port.js';
import { EventStore } from '../event-store/event-store.port.js';
import { ApiProblems, COMMON_PROBLEMS } from '../http/openapi.js';

const toNumber = ({ value }: { value: unknown }): unknown =>
  typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value;

/** An event as it is stored. */
export class StoredEventDto {
  @ApiProperty({ format: 'uuid' }) readonly id!: string;
  @ApiProperty() readonly stream!: string;
  @ApiProperty() readonly revision!: number;
  @ApiProperty() readonly position!: number;
  @ApiProperty() readonly type!: string;
  @ApiProperty({ type: String, format: 'date-time' }) readonly recorded_at!: string;
  @ApiProperty({ type: Object, additionalProperties: true }) readonly data!: object;
  @ApiProperty({ type: Object, additionalProperties: true }) readonly metadata!: object;
}

class StoredEventsDto {
  @ApiProperty({ type: [StoredEventDto] }) readonly items!: readonly StoredEventDto[];
  @ApiProperty({ type: Number, nullable: true, description: 'Pass as `after` to go on from here' })
  readonly position!: number | null;
  @ApiProperty({ description: 'There is nothing beyond this page at the moment' }) readonly live!: boolean;
  @ApiProperty({ description: 'Identity of the history: positions mean something in this one only' })
  readonly history!: string;
}

class StoredEventsParameters {
  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    description: 'Exclusive; default: the beginning (or the end, backwards)',
  })
  @IsOptional()
  @Transform(toNumber)
  @IsInt({ message: 'the position of an event is accepted' })
  @Min(0, { message: 'the position of an event is accepted' })
  @Max(Number.MAX_SAFE_INTEGER, { message: 'the position of an event is accepted' })
  readonly after?: number;

  @ApiPropertyOptional({ enum: ['forwards', 'backwards'], default: 'forwards' })
  @IsOptional()
  @IsIn(['forwards', 'backwards'], { message: 'forwards or backwards is accepted' })
  readonly direction: 'forwards' | 'backwards' = 'forwards';

  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: 1000, default: 100 })
  @IsOptional()
  @Transform(toNumber)
  @IsInt({ message: 'a whole number from 1 to 1000 is accepted' })
  @Min(1, { message: 'a whole number from 1 to 1000 is accepted' })
  @Max(1000, { message: 'a whole number from 1 to 1000 is accepted' })
  readonly limit: number = 100;

  @ApiPropertyOptional({ description: 'Only events of this type' })
  @IsOptional()
  @Matches(/^[A-Za-z][A-Za-z0-9]{0,99}$/, { message: 'an event type such as WorkerPaused is accepted' })
  readonly type?: string;

  @ApiPropertyOptional({ description: 'Only events of streams whose name begins so' })
  @IsOptional()
  @Matches(/^[\x21-\x7e]{1,200}$/, { message: '1 to 200 visible ASCII characters are accepted' })
  readonly stream_prefix?: string;
}

class StreamPath {
  @ApiProperty({ example: 'cmlWorker-00000000-0000-5000-8000-000000000000' })
  @Matches(/^[\x21-\x7e]{1,200}$/, { message: 'the name of a stream is accepted' })
  readonly stream!: string;
}

class StreamParameters {
  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    description: 'First revision, inclusive',
  })
  @IsOptional()
  @Transform(toNumber)
  @IsInt({ message: 'a revision is accepted' })
  @Min(0, { message: 'a revision is accepted' })
  @Max(Number.MAX_SAFE_INTEGER, { message: 'a revision is accepted' })
  readonly from?: number;

  @ApiPropertyOptional({ enum: ['forwards', 'backwards'], default: 'forwards' })
  @IsOptional()
  @IsIn(['forwards', 'backwards'], { message: 'forwards or backwards is accepted' })
  readonly direction: 'forwards' | 'backwards' = 'forwards';

  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: 1000, default: 100 })
  @IsOptional()
  @Transform(toNumber)
  @IsInt({ message: 'a whole number from 1 to 1000 is accepted' })
  @Min(1, { message: 'a whole number from 1 to 1000 is accepted' })
  @Max(1000, { message: 'a whole number from 1 to 1000 is accepted' })
  readonly limit: number = 100;
}

/** The stored history itself, for operators; what other services follow is the event feed. */
@ApiTags('operations')
@ApiProblems(COMMON_PROBLEMS)
@Controller('admin')
export class StoredEventsHttpController {
  constructor(private readonly events: EventStore) {}

  @Get('events')
  @ApiOperation({ summary: 'A page of all stored events, in their order' })
  @ApiOkResponse({ type: StoredEventsDto })
  async page(@Query() parameters: StoredEventsParameters): Promise<StoredEventsDto> {
    const { after, direction, limit, type, stream_prefix } = parameters;
    const filter = {
      ...(type === undefined ? {} : { types: [type] }),
      ...(stream_prefix === undefined ? {} : { streamPrefixes: [stream_prefix] }),
    };
    const batch: EventBatch = await this.events.readAll({ after: after ?? null, direction, limit, filter });
    const history = await this.events.identity();
    return { items: batch.events.map(storedEventDto), position: batch.position, live: batch.live, history };
  }

  @Get('streams/:stream')
  @ApiOperation({ summary: 'The events of one stream' })
  @ApiOkResponse({ type: [StoredEventDto] })
  @ApiProblems({ 404: 'stream_not_found' })
  async stream(@Param() { stream }: StreamPath, @Query() parameters: StreamParameters): Promise<StoredEventDto[]> {
    const { from, direction, limit } = parameters;
    const items: StoredEventDto[] = [];
    const options = { direction, limit, ...(from === undefined ? {} : { from }) };
    for await (const event of this.events.readStream(stream, options)) items.push(storedEventDto(event));
    if (items.length === 0 && from === undefined) throw new NotFound('Stream', stream, 'stream_not_found');
    return items;
  }
}

function storedEventDto({ recordedAt, ...event }: RecordedEvent): StoredEventDto {
  return { ...event, recorded_at: new Date(recordedAt).toISOString() };
}
