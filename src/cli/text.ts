/** Turning answers into text for people. Whatever comes from elsewhere is made harmless for a terminal here. */

/** @returns the text without control characters: a name must not be able to move a terminal's cursor */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\u{fffd}');
}

/** Columns as wide as their widest cell, two spaces between them. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const lines = [headings, ...rows].map((row) => row.map(printable));
  const widths = headings.map((_, column) => Math.max(...lines.map((row) => row[column]?.length ?? 0)));
  return lines.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** Labels and values below each other; a value that is undefined is left out. */
export function fields(values: Readonly<Record<string, string | undefined>>): string[] {
  const present = Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const width = Math.max(0, ...present.map(([label]) => label.length));
  return present.map(([label, value]) => `  ${label.padEnd(width)}  ${printable(value)}`);
}

/** `2026-01-01T10:00:00.000Z` as `2026-01-01 10:00:00Z`; null as `-`. */
export function moment(iso: string | null | undefined): string {
  return iso ? iso.replace('T', ' ').replace(/\.\d+/, '') : '-';
}

/** `2026-01-01T10:00:00.000Z` as `10:00:00`. */
export function timeOfDay(iso: string): string {
  return /T(\d\d:\d\d:\d\d)/.exec(iso)?.[1] ?? iso;
}

/** A length of time in its two largest units: `8 s`, `2 min 30 s`, `3 h 10 min`, `2 d 1 h`. */
export function duration(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  const [d, h, min, s] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
    seconds % 60,
  ];
  const parts: [number, string][] = [
    [d, 'd'],
    [h, 'h'],
    [min, 'min'],
    [s, 's'],
  ];
  const first = parts.findIndex(([amount]) => amount > 0);
  if (first === -1) return '0 s';
  const shown = parts.slice(first, first + 2).filter(([amount]) => amount > 0);
  return shown.map(([amount, unit]) => `${amount} ${unit}`).join(' ');
}

/** Minutes as they are in settings and answers. */
export function minutes(value: number): string {
  return duration(value * 60_000);
}

/** `12345` as `12,345`. */
export function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** `1 event`, `2 events`. */
export function amount(value: number, singular: string, plural = `${singular}s`): string {
  return `${count(value)} ${value === 1 ? singular : plural}`;
}
