import { applyDecorators } from '@nestjs/common';
import { ApiExtraModels, ApiProperty, ApiResponse, getSchemaPath } from '@nestjs/swagger';

/** RFC 9457 problem details, with a stable code. */
export class ProblemDto {
  @ApiProperty({ example: 'about:blank' }) readonly type!: string;
  @ApiProperty() readonly title!: string;
  @ApiProperty({ example: 422 }) readonly status!: number;
  @ApiProperty({ description: 'Stable and machine-readable.', example: 'invalid_input' }) readonly code!: string;
  @ApiProperty() readonly detail!: string;
  @ApiProperty({ required: false }) readonly correlation_id?: string;
}

/** Documents the problems that a route answers with: HTTP status to meaning. */
export function ApiProblems(problems: Readonly<Record<number, string>>): MethodDecorator & ClassDecorator {
  return applyDecorators(
    ApiExtraModels(ProblemDto),
    ...Object.entries(problems).map(([status, description]) =>
      ApiResponse({
        status: Number(status),
        description,
        content: { 'application/problem+json': { schema: { $ref: getSchemaPath(ProblemDto) } } },
      }),
    ),
  );
}

/** The answers that any route may give. */
export const COMMON_PROBLEMS = {
  400: 'Not HTTP or not JSON as it should be',
  403: 'Sent by a browser from another site',
  413: 'Body too large',
  415: 'Body is not JSON',
  422: 'Not acceptable; every offending field is named',
  503: 'A store cannot be reached, or a view is late',
} as const;
