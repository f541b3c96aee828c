/**
 * `npm run crash-test -- [--kills N] [--seed S] [--ec2 lab|moto]`: kills the service with SIGKILL at every step of detect,
 * pause, resume and import, and at random, and checks after each restart that nothing was lost, doubled or invented.
 * What it is made of: crash-run.ts (the run), steps.ts (where it kills), invariants.ts (what must hold).
 */
import '../support/typescript-hooks.mjs';

const { main } = await import('./crash-run.ts');
process.exit(await main(process.argv.slice(2)));
