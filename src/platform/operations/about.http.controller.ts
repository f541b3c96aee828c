import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import { ApiProblems, COMMON_PROBLEMS } from '../http/openapi.js';
import { iso } from '../time/iso.js';
import type { SettingsInForce } from './about.js';
import { About } from './about.js';

const TIME = { type: String, format: 'date-time' } as const;
const MAYBE_TEXT = { type: String, nullable: true } as const;

/** What this service is, and by which settings it goes. */
export class AboutDto {
  @ApiProperty({ enum: ['dormouse'] }) readonly name!: string;
  @ApiProperty({ example: '0.1.0' }) readonly version!: string;
  @ApiProperty({ ...MAYBE_TEXT, description: 'What everybody who looks at it must know (SERVICE_NOTICE)' })
  readonly notice!: string | null;
  @ApiProperty({ ...MAYBE_TEXT, description: 'This instance, where there can be several' })
  readonly instance!: string | null;
  @ApiProperty({ example: 'embedded' }) readonly event_store!: string;
  @ApiProperty({ example: 'embedded' }) readonly read_models!: string;
  @ApiProperty(TIME) readonly started_at!: string;
  @ApiProperty({ ...TIME, description: 'The service’s clock: what all of its times are by' }) readonly now!: string;
  @ApiProperty({
    type: Object,
    additionalProperties: { oneOf: [{ type: 'string' }, { type: 'number' }, { type: 'boolean' }] },
    example: { auto_pause_enabled: true, idle_timeout_minutes: 60, snooze_minutes: 60 },
  })
  readonly settings!: SettingsInForce;
}

/** For the page, and for whoever wants to know what they have before them. */
@ApiTags('operations')
@ApiProblems(COMMON_PROBLEMS)
@Controller('about')
export class AboutHttpController {
  constructor(private readonly about: About) {}

  @Get()
  @ApiOperation({ summary: 'What this service is, and by which settings it goes' })
  @ApiOkResponse({ type: AboutDto })
  get(): AboutDto {
    const service = this.about.service();
    return { ...service, started_at: iso(service.started_at), now: iso(service.now) };
  }
}
