import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { build } from 'vite';

/** What gets smaller; images and fonts are compressed already. */
const TEXT = /\.(css|html|js|json|md|svg|txt)$/;

const compressions = {
  br: (data) =>
    promisify(brotliCompress)(data, {
      params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: data.length },
    }),
  gz: (data) => promisify(gzip)(data, { level: 9 }),
};

/**
 * Builds the page from src/page into dist/page (src/page/vite.config.mjs), and each of its texts once more as `.br` and
 * `.gz`, so that the service never compresses anything itself (src/platform/http/page.ts).
 *
 * @param {string} root the project's directory
 */
export async function buildPage(root) {
  // Also when a test builds: React's other builds are ten times as large and as slow.
  process.env.NODE_ENV = 'production';
  await build({ configFile: join(root, 'src/page/vite.config.mjs'), logLevel: 'warn' });
  const page = join(root, 'dist/page');
  const entries = await readdir(page, { recursive: true, withFileTypes: true });
  const texts = entries.filter((entry) => entry.isFile() && TEXT.test(entry.name));
  await Promise.all(texts.map(({ parentPath, name }) => compress(join(parentPath, name))));
}

async function compress(file) {
  const data = await readFile(file);
  for (const [extension, compressed] of Object.entries(compressions)) {
    await writeFile(`${file}.${extension}`, await compressed(data));
  }
}
