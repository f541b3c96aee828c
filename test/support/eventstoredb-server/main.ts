import { mkdirSync } from 'node:fs';
import { startControl } from './control.js';
import { startEventStoreDbServer } from './eventstoredb-server.js';

/**
 * Runs a server until SIGTERM (politely) or SIGKILL, and prints one line of JSON when it is ready: `connection_string`,
 * `port`, `control_url` (see control.ts), `directory`, `pid`. SIGSTOP and SIGCONT freeze and thaw it as a whole.
 *
 * Environment: `PORT` for clients, `CONTROL_PORT` for faults; default: any free ones.
 *
 * @param args the directory that keeps the data, made if need be; none: a temporary one, removed after SIGTERM
 */
export async function main(args: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const [directory] = args;
  if (directory !== undefined) mkdirSync(directory, { recursive: true });
  const server = await startEventStoreDbServer({
    ...(directory !== undefined && { directory }),
    port: Number(env['PORT'] ?? 0),
    onDeath: () => process.kill(process.pid, 'SIGKILL'),
  });
  const control = await startControl(server, Number(env['CONTROL_PORT'] ?? 0));
  const stop = async () => {
    await control.close();
    await server.dispose();
    process.exit(0);
  };
  process.once('SIGTERM', () => void stop());
  process.once('SIGINT', () => void stop());
  const { connectionString, port } = server;
  const ready = { connection_string: connectionString, port, control_url: control.url, directory: server.directory };
  console.log(JSON.stringify({ ...ready, pid: process.pid }));
}
