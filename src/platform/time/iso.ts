/** Time as it is stored and answered: ISO 8601, UTC, milliseconds, `Z`. @param epochMs null stays null */
export function iso(epochMs: number): string;
export function iso(epochMs: number | null): string | null;
export function iso(epochMs: number | null): string | null {
  return epochMs === null ? null : new Date(epochMs).toISOString();
}
