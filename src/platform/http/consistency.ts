import { Injectable } from '@nestjs/common';
import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { applyDecorators, SetMetadata, UseInterceptors } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ApiHeader } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Observable } from 'rxjs';
import { PlatformSettings } from '../config/platform-settings.js';
import { DormouseError, InvalidInput } from '../errors.js';
import type { Position } from '../event-store/event-store.port.js';
import { EventStore } from '../event-store/event-store.port.js';
import { PositionTokens } from '../event-store/position-tokens.js';
import { ProjectionEngine } from '../projections/projection-engine.js';

/** Request and response header that carries a consistency token. */
export const CONSISTENCY_TOKEN = 'Consistency-Token';

/** 503: what the token stands for is done, but the view has not reached it within the time limit. */
export class ViewIsLate extends DormouseError {
  constructor(view: string, milliseconds: number) {
    super(
      'view_is_late',
      503,
      `The command behind the ${CONSISTENCY_TOKEN} is done, but the view '${view}' has not reached it within ${milliseconds} ms. Ask again.`,
      { view },
    );
  }
}

/**
 * Consistency tokens: a position in the event history, opaque to clients. A command answers with one; a query that is
 * given it waits until its view has reached it.
 */
@Injectable()
export class Consistency {
  constructor(
    private readonly events: EventStore,
    private readonly tokens: PositionTokens,
    private readonly projections: ProjectionEngine,
    private readonly settings: PlatformSettings,
  ) {}

  /** The token for a position; null when nothing was ever written. */
  async token(position: Position | null): Promise<string | null> {
    return position === null ? null : await this.tokens.encode(position);
  }

  /** @throws {InvalidInput} not a token of this store @throws {ViewIsLate} */
  async reach(view: string, token: string): Promise<void> {
    const position = await this.tokens.decode(token);
    if (typeof position === 'string') {
      throw new InvalidInput([
        {
          field: CONSISTENCY_TOKEN,
          message: 'a token that this service has answered with, from this event store, is accepted',
        },
      ]);
    }
    const head = (await this.events.head()) ?? -1;
    if (position > head) {
      throw new InvalidInput([{ field: CONSISTENCY_TOKEN, message: 'this history does not reach so far' }]);
    }
    const limit = this.settings.CONSISTENCY_WAIT_MS;
    if (!(await this.projections.view(view).waitFor(position, limit))) throw new ViewIsLate(view, limit);
  }

  /** The token for what a view has applied so far. */
  tokenOfView(view: string): Promise<string | null> {
    return this.token(this.projections.view(view).position());
  }
}

const VIEWS = 'dormouse:views';

/**
 * Marks a query route: it accepts a {@link CONSISTENCY_TOKEN}, waits for the views that it answers from, and answers with
 * the token of the first of them.
 */
export function ReadsView(...views: readonly [string, ...string[]]): MethodDecorator {
  return applyDecorators(
    SetMetadata(VIEWS, views),
    UseInterceptors(ConsistencyInterceptor),
    ApiHeader({
      name: CONSISTENCY_TOKEN,
      required: false,
      description: 'From the answer to a command: the query waits until its view has reached it.',
    }),
  );
}

@Injectable()
export class ConsistencyInterceptor implements NestInterceptor {
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
