import { Controller, Get, Header, Param } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import { Matches } from 'class-validator';
import { DormouseError } from '../errors.js';
import { ApiProblems, COMMON_PROBLEMS } from '../http/openapi.js';
import type { JsonObject } from '../json.js';
import { asyncApiDocument } from './asyncapi-document.js';
import { cloudEventSchema } from './cloud-event.schema.js';
import { PublicEvents } from './public-events.js';

/** 404: nothing is published under that name. */
export class UnknownEventType extends DormouseError {
  constructor(type: string, published: readonly string[]) {
    super('unknown_event_type', 404, `'${type}' is not published; published are: ${published.join(', ')}.`);
  }
}

class TypePath {
  @ApiProperty({ example: 'dormouse.cml_worker.paused.v1' })
  @Matches(/^[A-Za-z0-9_.-]{1,200}$/, { message: 'the name of a published event type is accepted' })
  readonly type!: string;
}

/** What is sent out, for programs that generate code or check what they get. Made when it is asked for: few do. */
@ApiTags('contracts')
@ApiProblems(COMMON_PROBLEMS)
@Controller()
export class ContractsHttpController {
  constructor(private readonly events: PublicEvents) {}

  @Get('asyncapi.json')
  @Header('content-type', 'application/json; charset=utf-8')
  @ApiOperation({ summary: 'Feed and webhooks as an AsyncAPI 3 document' })
  @ApiOkResponse({ schema: { type: 'object', additionalProperties: true } })
  asyncApi(): JsonObject {
    return asyncApiDocument(this.events);
  }

  @Get('schemas/:type')
  @Header('content-type', 'application/schema+json; charset=utf-8')
  @ApiOperation({ summary: 'The JSON Schema (2020-12) of the CloudEvents of one published type' })
  @ApiOkResponse({
    content: { 'application/schema+json': { schema: { type: 'object', additionalProperties: true } } },
  })
  @ApiProblems({ 404: 'unknown_event_type' })
  schema(@Param() { type }: TypePath): JsonObject {
    const published = this.events.types().get(type);
    if (!published) throw new UnknownEventType(type, [...this.events.types().keys()]);
    return {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      $id: `urn:dormouse:schema:${type}`,
      ...cloudEventSchema(published),
    };
  }
}
