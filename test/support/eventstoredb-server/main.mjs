/**
 * The test server as a process of its own: `node test/support/eventstoredb-server/main.mjs [DIRECTORY]`. PORT (default: any
 * free one) is where clients connect. See main.ts for what it prints and how it is told to misbehave.
 */
import '../typescript-hooks.mjs';

const { main } = await import('./main.ts');
await main(process.argv.slice(2), process.env);
