import type { TelemetryEvent } from './telemetry.js';

/** An event's data beyond this is not kept, only its size: recent events are stored with every check. */
export const MAX_DATA_BYTES = 8 * 1024;

/** Nor is data nested deeper than this: what stores and copies events follows it with the call stack. */
export const MAX_DATA_DEPTH = 64;

/** The data as it is, or `{truncated: true, size_bytes}` when it is too large or nested too deep to be kept. */
export function boundedData(data: TelemetryEvent['data']): TelemetryEvent['data'] {
  const { bytes, depth } = measureJson(data);
  return bytes > MAX_DATA_BYTES || depth > MAX_DATA_DEPTH ? { truncated: true, size_bytes: bytes } : data;
}

/** Size of the value as JSON in UTF-8, and how deep it is nested; without writing it, and for any depth. */
function measureJson(root: unknown): { bytes: number; depth: number } {
  let bytes = 0;
  let deepest = 0;
  const open: { readonly value: unknown; readonly depth: number }[] = [{ value: root, depth: 1 }];
  for (let item = open.pop(); item !== undefined; item = open.pop()) {
    const { value, depth } = item;
    if (typeof value !== 'object' || value === null) {
      bytes += typeof value === 'string' ? quotedBytes(value) : String(value).length;
      continue;
    }
    deepest = Math.max(deepest, depth);
    const members = Object.entries(value);
    bytes += 2 + Math.max(0, members.length - 1);
    for (const [key, member] of members) {
      if (!Array.isArray(value)) bytes += quotedBytes(key) + 1;
      open.push({ value: member, depth: depth + 1 });
    }
  }
  return { bytes, depth: deepest };
}

/** Bytes of the text as a JSON string, quotes and escapes included. */
function quotedBytes(text: string): number {
  let bytes = 2;
  for (const character of text) bytes += characterBytes(character.codePointAt(0) ?? 0);
  return bytes;
}

function characterBytes(code: number): number {
  if (code === 0x22 || code === 0x5c) return 2;
  if (code < 0x20) return code === 8 || code === 9 || code === 10 || code === 12 || code === 13 ? 2 : 6;
  if (code < 0x80) return 1;
  if (code < 0x800) return 2;
  if (code >= 0xd800 && code <= 0xdfff) return 6;
  return code < 0x10000 ? 3 : 4;
}
