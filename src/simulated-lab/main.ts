import { fstatSync } from 'node:fs';
import { paced } from './behaviours.js';
import { SimulatedLab } from './lab.js';
import type { SimulatedLabOptions } from './lab.js';

/**
 * The simulated lab as a program of its own.
 *
 * | variable | meaning |
 * | --- | --- |
 * | LAB_HOST | address to listen on (default 127.0.0.1) |
 * | LAB_ADVERTISE | host name in the announced addresses, for others than this machine (default: the address) |
 * | LAB_EC2_PORT | port of the simulated EC2 (default: any free one) |
 * | LAB_CML_PORT | port of the first worker's CML, the others' follow it (default: any free ones) |
 * | LAB_SEED | the same seed gives the same instances, users and histories |
 * | LAB_PACE | every duration of the lab times this number (default 1) |
 *
 * The first line on standard output is the announcement (`LabAnnouncement`); every further one is a `Narration`.
 * It ends on SIGTERM and SIGINT, and when the program that started it goes away.
 */
async function main(): Promise<void> {
  const lab = new SimulatedLab({ ...optionsIn(process.env), narrate: print });
  const started = lab.start();
  const end = (): void => {
    process.stdin.destroy();
    started.then(() => lab.stop()).catch(fail);
  };
  process.on('SIGTERM', end).on('SIGINT', end);
  print(await started);
  endWithParent(end);
}

/**
 * A parent that dies closes the pipes to its child, whatever kills it. A terminal or /dev/null as standard input says
 * nothing about a parent.
 */
function endWithParent(end: () => void): void {
  process.stdout.on('error', end);
  const stdin = fstatSync(0);
  if (!stdin.isFIFO() && !stdin.isSocket()) return;
  process.stdin.once('close', end).once('error', end).resume();
}

function optionsIn(environment: NodeJS.ProcessEnv): SimulatedLabOptions {
  const { LAB_HOST: host, LAB_ADVERTISE: advertise, LAB_SEED: seed, LAB_PACE: pace } = environment;
  const { LAB_EC2_PORT: ec2Port, LAB_CML_PORT: cmlPort } = environment;
  return {
    ...(host ? { host } : {}),
    ...(advertise ? { advertise } : {}),
    ...(ec2Port ? { ec2Port: numberIn('LAB_EC2_PORT', ec2Port, isPort) } : {}),
    ...(cmlPort ? { cmlPort: numberIn('LAB_CML_PORT', cmlPort, isPort) } : {}),
    ...(seed ? { seed } : {}),
    ...(pace ? { timings: paced(numberIn('LAB_PACE', pace, (n) => n > 0 && n <= 1000)) } : {}),
  };
}

function isPort(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 65_535;
}

function numberIn(name: string, text: string, accepted: (value: number) => boolean): number {
  const value = Number(text);
  if (accepted(value)) return value;
  throw new Error(`${name}=${text} is not accepted.`);
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function fail(error: unknown): void {
  console.error(`The simulated lab failed: ${String(error)}`);
  process.exit(1);
}

main().catch(fail);
