/** A field that was refused, and what is accepted there. */
export interface FieldProblem {
  readonly field: string;
  readonly message: string;
}

/** The service answered that it cannot: a problem document (RFC 9457). The message is its detail. */
export class Problem extends Error {
  override readonly name = 'Problem';

  constructor(
    readonly status: number,
    /** Stable, such as `power_change_pending`; `http_502` for an answer that was no problem document. */
    readonly code: string,
    detail: string,
    readonly fields: readonly FieldProblem[] = [],
  ) {
    super(detail);
  }

  /** True when what was asked for may be done all the same: asking again under the same key finds out. */
  get leavesOutcomeOpen(): boolean {
    return this.status >= 500 && !REFUSALS.has(this.code);
  }
}

/** Failures of others that leave nothing half done. */
const REFUSALS: ReadonlySet<string> = new Set(['ec2_refused', 'telemetry_unavailable']);

/** The service did not answer: what was asked for may have been done or not. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';

  constructor(cause: unknown) {
    super('The service did not answer. What was asked for may have been done or not.', { cause });
  }
}

/** Reads an answer that is not a success. */
export async function problemOf(response: Response): Promise<Problem> {
  const document = problemDocument(await response.text());
  const code = typeof document['code'] === 'string' ? document['code'] : `http_${response.status}`;
  const detail =
    typeof document['detail'] === 'string' ? document['detail'] : `The service answered ${response.status}.`;
  return new Problem(response.status, code, detail, fieldsOf(document['errors']));
}

function problemDocument(text: string): Readonly<Record<string, unknown>> {
  try {
    const document: unknown = JSON.parse(text);
    return typeof document === 'object' && document !== null ? (document as Record<string, unknown>) : {};
  } catch {
    // A proxy's page, for one: the status has to be enough.
    return {};
  }
}

function fieldsOf(errors: unknown): FieldProblem[] {
  if (!Array.isArray(errors)) return [];
  return errors.filter(
    (error: unknown): error is FieldProblem =>
      typeof error === 'object' && error !== null && 'field' in error && 'message' in error,
  );
}
