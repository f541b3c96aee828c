/**
 * `npm run crash-test -- [--kills N] [--seed S] [--ec2 lab|moto]`: kills the service with SIGKILL at every step of detect,
 * pause, resume and import, and at random, and checks after each restart that nothing was lost, doubled or invented.
 * What it is made of: crash-run.ts (the run), steps.ts (where it kills), invariants.ts (what must hold).
 *
 * `npm run crash-test -- --cluster [--kills N] [--seed S]`: the same with three instances on shared stores (cluster/).
 *
 * `npm run crash-test -- --downstream [--kills N] [--seed S]`: kills those who follow the events, and the service (downstream/).
 */
import '../support/typescript-hooks.mjs';

const args = process.argv.slice(2);
const programs = { '--cluster': './cluster/cluster-run.ts', '--downstream': './downstream/downstream-run.ts' };
const chosen = Object.keys(programs).find((option) => args.includes(option));
const { main } = await import(chosen ? programs[chosen] : './crash-run.ts');
process.exit(await main(args.filter((argument) => argument !== chosen)));
