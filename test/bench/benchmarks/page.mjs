import { get } from 'node:http';
import { limitRow } from '../support/measure.mjs';
import { environmentFor, startService, untilReady } from '../support/processes.mjs';
import { clearScratch, scratchDirectory } from '../support/scratch.mjs';

export const baselines = [
  'page: what a browser gets for its first look at `/`, as it is sent to one that takes Brotli: the document and every script and style that it names; beside the same without compression',
];

/** How much has to be loaded before the page shows anything. */
export async function run() {
  const directory = scratchDirectory('page');
  const service = await startService(environmentFor({}, { DATA_DIR: directory }));
  await untilReady(service.url);
  const compressed = await firstLoad(service.url, 'br');
  const plain = await firstLoad(service.url, 'identity');
  await service.stop();
  clearScratch(directory);
  return [limitRow('page: first load', compressed, showKilobytes, { most: 300_000, baseline: plain })];
}

/** Bytes of all bodies, as they are sent. @param {string} url @param {string} encoding */
async function firstLoad(url, encoding) {
  const document = (await bodyOf(url, 'identity')).toString('utf8');
  const assets = [...document.matchAll(/(?:src|href)="([^":]+\.(?:js|css))"/g)].map(
    ([, path]) => new URL(path, url).href,
  );
  if (assets.length === 0) throw new Error('The page names no assets.');
  const bodies = await Promise.all([url, ...assets].map((address) => bodyOf(address, encoding)));
  return bodies.reduce((sum, { length }) => sum + length, 0);
}

/** A body as it is sent: fetch() would unpack it. @param {string} url @param {string} encoding @returns {Promise<Buffer>} */
function bodyOf(url, encoding) {
  return new Promise((resolve, reject) => {
    get(url, { headers: { 'accept-encoding': encoding } }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) resolve(Buffer.concat(parts));
        else reject(new Error(`${url} answered ${response.statusCode}.`));
      });
    }).on('error', reject);
  });
}

/** @param {number} bytes */
function showKilobytes(bytes) {
  return `${(bytes / 1_000).toFixed(0)} KB`;
}
