import { InvalidInput } from '../errors.js';

/** A place in an order by one field, and by id among those of one value: what a query goes on after. */
export interface Place<Value extends string | number> {
  readonly id: string;
  readonly value: Value;
}

/** A place as text that callers hand back for the next page; it means nothing to them. */
export function cursorOfPlace({ id, value }: Place<string | number>): string {
  return Buffer.from(JSON.stringify([value, id])).toString('base64url');
}

/** @throws {InvalidInput} no {@link cursorOfPlace} in an order by texts */
export function placeByText(cursor: string): Place<string> {
  const { id, value } = placeOf(cursor);
  if (typeof value !== 'string') throw notACursor();
  return { id, value };
}

/** @throws {InvalidInput} no {@link cursorOfPlace} in an order by numbers */
export function placeByNumber(cursor: string): Place<number> {
  const { id, value } = placeOf(cursor);
  if (typeof value !== 'number') throw notACursor();
  return { id, value };
}

function placeOf(cursor: string): { readonly id: string; readonly value: unknown } {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (Array.isArray(parsed) && typeof parsed[1] === 'string') return { value: parsed[0], id: parsed[1] };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw notACursor();
}

function notACursor(): InvalidInput {
  return new InvalidInput([{ field: 'after', message: 'the `next` of an earlier page is accepted' }]);
}
