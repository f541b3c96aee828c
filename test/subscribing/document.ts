import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A fenced block of docs/subscribing.md, with what the comment above it says about running it. */
export interface Block {
  /** Of the line with the fence, from 1. */
  readonly line: number;
  /** What follows the backticks: `ts`, `python`, `bash`, `json`. */
  readonly language: string;
  readonly code: string;
  /** From `<!-- run: NAME -->`. */
  readonly name: string | undefined;
  /** From `<!-- not run: WHY -->`. */
  readonly whyNot: string | undefined;
}

const FENCE = /^```(.*)$/;
const RUN = /^<!-- run: (\S+)(?: \(.*\))? -->$/;
const NOT_RUN = /^<!-- not run: (.+) -->$/;

/** What people read. */
export function subscribingDocument(): string {
  return readFileSync(join(import.meta.dirname, '../../docs/subscribing.md'), 'utf8');
}

/** The blocks of a document, in order; blank lines may stand between a block and its comment. */
export function blocksOf(markdown: string): Block[] {
  const lines = markdown.split('\n');
  const blocks: Block[] = [];
  let above = '';
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] ?? '';
    const language = FENCE.exec(line)?.[1];
    if (language !== undefined) {
      const end = lines.indexOf('```', index + 1);
      if (end < 0) throw new Error(`The block in line ${index + 1} has no end.`);
      const code = `${lines.slice(index + 1, end).join('\n')}\n`;
      blocks.push({
        line: index + 1,
        language,
        code,
        name: RUN.exec(above)?.[1],
        whyNot: NOT_RUN.exec(above)?.[1],
      });
      index = end;
      above = '';
    } else if (line.trim() !== '') {
      above = line.trim();
    }
  }
  return blocks;
}
