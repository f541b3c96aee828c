#!/usr/bin/env node
/**
 * The `dormouse` program. This file imports nothing that an old Node cannot load: it finds the right Node first.
 */
import { endWithParent, isNewEnough, runOnNewerNode } from './node-process.js';

async function main(): Promise<void> {
  if (!isNewEnough(process.versions.node)) {
    process.exitCode = await runOnNewerNode(process.argv.slice(1));
    return;
  }
  endWithParent();
  const { runProgram } = await import('./program.js');
  process.exitCode = await runProgram(process.argv.slice(2));
}

await main();
