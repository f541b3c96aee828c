#!/usr/bin/env node
/**
 * Runs the benchmarks and prints a table of ratios; exit 1 when a target is missed.
 *
 *   npm run bench                     all of them
 *   npm run bench -- append replay    some of them
 *   npm run bench -- --write          all, and keeps the result in docs/benchmarks.md
 *   npm run bench -- visibility --seconds=5    a quick look at what otherwise takes 60 s
 *
 * What needs a server from outside is left out when there is none (docs/operations.md, "Testing against servers").
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ALL = [
  'append',
  'commands',
  'replay',
  'eventstoredb',
  'mongodb',
  'visibility',
  'feed',
  'coaching',
  'detection',
  'large-telemetry',
  'memory',
  'start',
  'page',
];
const RESULT = join(dirname(fileURLToPath(import.meta.url)), '../../docs/benchmarks.md');

const asked = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const unknown = asked.filter((name) => !ALL.includes(name));
if (unknown.length > 0) {
  console.error(`bench: ${unknown.join(', ')} is none of ${ALL.join(', ')}`);
  process.exit(2);
}

const writes = process.argv.includes('--write');
const seconds = process.argv.find((argument) => argument.startsWith('--seconds='))?.slice('--seconds='.length);
if (seconds !== undefined && (writes || !(Number(seconds) > 0))) {
  console.error('bench: --seconds=N is for a quick look (N from 1); what is written is measured in full');
  process.exit(2);
}
const load = loadavg()[0].toFixed(1);
const rows = [];
const baselines = [];
for (const name of asked.length > 0 ? asked : ALL) {
  process.stderr.write(`${name} ...\n`);
  const benchmark = await import(`./benchmarks/${name}.mjs`);
  rows.push(...(await benchmark.run(seconds === undefined ? {} : { seconds: Number(seconds) })));
  baselines.push(...benchmark.baselines);
}

const cells = rows.map(({ name, subject, baseline, ratio, target, ok }) => [
  name,
  subject,
  baseline,
  ratio === null ? '' : ratio.toFixed(2),
  target,
  ok === null ? '' : ok ? 'yes' : 'MISSED',
]);
const table = [
  '| what | measured | compared with | ratio | target | met |',
  '| --- | --- | --- | --- | --- | --- |',
  ...cells.map((row) => `| ${row.join(' | ')} |`),
].join('\n');
console.log(table);

if (writes) {
  const before = readFileSync(RESULT, 'utf8');
  const [start, end] = ['<!-- result: written by npm run bench -- --write -->', '<!-- end of result -->'];
  const machine = `${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GB, Linux ${execFileSync('uname', ['-r'], { encoding: 'utf8' }).trim()}, Node ${process.version}`;
  const text = [
    start,
    '',
    `${new Date().toISOString().slice(0, 10)}. Machine: ${machine}; a virtual machine, load ${load} at the start.`,
    '',
    table,
    '',
    'What each is compared with:',
    '',
    ...baselines.map((line) => `- ${line}`),
    '',
    end,
  ].join('\n');
  writeFileSync(RESULT, before.slice(0, before.indexOf(start)) + text + before.slice(before.indexOf(end) + end.length));
  execFileSync(process.execPath, [fileURLToPath(import.meta.resolve('prettier/bin/prettier.cjs')), '--write', RESULT]);
}
process.exitCode = rows.some(({ ok }) => ok === false) ? 1 : 0;
