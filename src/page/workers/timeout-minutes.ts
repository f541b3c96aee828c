/** The service takes a year at most. */
export const MOST_MINUTES = 525_600;

/** A typed number of minutes. @returns null for what the service would refuse */
export function minutesOf(text: string): number | null {
  const minutes = Number(text.trim().replace(',', '.'));
  return text.trim() !== '' && Number.isFinite(minutes) && minutes > 0 && minutes <= MOST_MINUTES ? minutes : null;
}
