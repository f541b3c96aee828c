/** How a table is sorted. */
export interface Sorting {
  readonly by: string;
  readonly descending: boolean;
}

/** What a row is sorted by in a column; null goes last, whichever way. */
export type SortValue = string | number | null;

/**
 * Sorted anew.
 *
 * @param columns what rows can be sorted by; those that are equal in the chosen one are in the order of the first
 */
export function sorted<Row>(
  rows: readonly Row[],
  columns: readonly { readonly key: string; readonly sortValue: (row: Row) => SortValue }[],
  { by, descending }: Sorting,
): readonly Row[] {
  const chosen = columns.find(({ key }) => key === by) ?? columns[0];
  const direction = descending ? -1 : 1;
  const keyed = rows.map((row) => ({
    row,
    value: chosen?.sortValue(row) ?? null,
    otherwise: columns[0]?.sortValue(row) ?? null,
  }));
  keyed.sort((a, b) => compared(a.value, b.value, direction) || compared(a.otherwise, b.otherwise, 1));
  return keyed.map(({ row }) => row);
}

/** As it stands in an address: `name`, or `-name` for descending. */
export function sortingText({ by, descending }: Sorting): string {
  return descending ? `-${by}` : by;
}

export function sortingOf(text: string | null, columns: readonly string[], otherwise: Sorting): Sorting {
  const descending = text?.startsWith('-') ?? false;
  const by = descending ? text?.slice(1) : text;
  return by && columns.includes(by) ? { by, descending } : otherwise;
}

// Numbers in names in their order: worker 9 before worker 10.
const collator = new Intl.Collator('en', { numeric: true });

function compared(a: SortValue, b: SortValue, direction: 1 | -1): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  if (typeof a === 'number' && typeof b === 'number') return a === b ? 0 : a < b ? -direction : direction;
  return direction * collator.compare(String(a), String(b));
}
