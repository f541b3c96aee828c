/**
 * What goes wrong on purpose. Every error that may leave the service carries a stable `code` and the HTTP status that
 * says the same; anything else that is thrown is a defect and becomes a 500 without details.
 */
export class DormouseError extends Error {
  /**
   * @param code stable, machine-readable, snake_case
   * @param status HTTP status that says the same
   * @param message for people: what happened, and what is accepted
   * @param details further members of the problem document (RFC 9457 extension members)
   */
  constructor(
    readonly code: string,
    readonly status: number,
    message: string,
    readonly details: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** One offending field of an input. */
export interface FieldError {
  /** Path of the field, dots between levels. */
  readonly field: string;
  /** What is accepted. */
  readonly message: string;
}

/** 422: the input was understood but is not acceptable; every offending field is named. */
export class InvalidInput extends DormouseError {
  constructor(readonly errors: readonly FieldError[]) {
    super('invalid_input', 422, errors.map((e) => `${e.field}: ${e.message}`).join('; '), { errors });
  }
}

/** 404: nothing of that kind has that id here. */
export class NotFound extends DormouseError {
  constructor(what: string, id: string, code = 'not_found') {
    super(code, 404, `${what} '${id}' does not exist here.`);
  }
}

/** Text of any thrown value, for logs and records. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.message) return error.message;
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' ? code : error.name;
}
