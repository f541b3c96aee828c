import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { Injectable, SetMetadata, UseInterceptors, applyDecorators } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ApiHeader } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Observable } from 'rxjs';
import { CONSISTENCY_TOKEN, Consistency } from '../../platform/http/consistency.js';

const VIEWS = 'coaching:views';

/**
 * Marks a query route that answers from several views: a consistency token is waited for in each of them. The answer's
 * own token is that of the first one, which the route looks for its session in.
 */
export function ReadsViews(...views: readonly [string, ...string[]]): MethodDecorator {
  return applyDecorators(
    SetMetadata(VIEWS, views),
    UseInterceptors(ReadsViewsInterceptor),
    ApiHeader({
      name: CONSISTENCY_TOKEN,
      required: false,
      description: 'From the answer to a command: the query waits until its views have reached it.',
    }),
  );
}

@Injectable()
export class ReadsViewsInterceptor implements NestInterceptor {
  constructor(
    private readonly reflector: Reflector,
    private readonly consistency: Consistency,
  ) {}

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const views = this.reflector.get<readonly [string, ...string[]]>(VIEWS, context.getHandler());
    const http = context.switchToHttp();
    const asked = http.getRequest<FastifyRequest>().headers[CONSISTENCY_TOKEN.toLowerCase()];
    if (typeof asked === 'string') {
      await Promise.all(views.map((view) => this.consistency.reach(view, asked.trim())));
    }
    const token = await this.consistency.tokenOfView(views[0]);
    if (token) void http.getResponse<FastifyReply>().header(CONSISTENCY_TOKEN, token);
    return next.handle();
  }
}
