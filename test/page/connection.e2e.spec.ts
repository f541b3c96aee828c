import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { buildProgram } from '../e2e/compiled-program.js';
import { describeWithBrowser, PageBrowser, rowOf, screenshot } from './support/page-browser.js';
import type { Listened } from './support/page-browser.js';
import { RunningDemo } from './support/running-demo.js';

describeWithBrowser('A page whose service goes away', () => {
  let dataDirectory: string;
  let demo: RunningDemo;
  let browser: PageBrowser;
  let listened: Listened;

  beforeAll(async () => {
    await buildProgram();
    browser = await PageBrowser.launch();
    dataDirectory = await mkdtemp(join(tmpdir(), 'dormouse-page-'));
    demo = await RunningDemo.start({ DATA_DIR: dataDirectory });
  }, 300_000);
  afterEach(() => listened.page.context().close());
  afterAll(async () => {
    await browser.close();
    await demo.end();
    await rm(dataDirectory, { recursive: true, force: true });
  });

  it('says so, keeps what it knew, and goes on by itself when the service is back', async () => {
    listened = await browser.open(demo.url);
    const { page } = listened;
    const banner = page.getByRole('status').filter({ hasText: 'The connection is lost.' });
    await rowOf(page, 'lab-busy').waitFor();
    await page.getByText('Live', { exact: true }).waitFor();
    await page.evaluate('globalThis.wasNotLoadedAgain = true');
    expect(await banner.count()).toBe(0);

    await demo.end();
    await banner.waitFor({ timeout: 30_000 });
    expect(await banner.innerText()).toMatch(/Reconnecting by itself\. What you see is from \d\d:\d\d:\d\d\./);
    await screenshot(page, 'connection-lost');
    expect(await rowOf(page, 'lab-busy').count()).toBe(1);

    demo = await RunningDemo.start({ DATA_DIR: dataDirectory, PORT: new URL(demo.url).port });
    await banner.waitFor({ state: 'hidden', timeout: 60_000 });
    await page.getByText('Live', { exact: true }).waitFor();
    // The demo has registered its workers anew: what is shown is what happens now.
    await rowOf(page, 'lab-busy').getByRole('timer').waitFor({ timeout: 30_000 });
    await rowOf(page, 'lab-busy').getByText('Active').waitFor();
    expect(await page.evaluate('globalThis.wasNotLoadedAgain')).toBe(true);
  }, 180_000);

  it('begins the feed anew when an answer made the browser give it up', async () => {
    listened = await browser.open(`${demo.url}/#/jobs`);
    const { page } = listened;
    const banner = page.getByRole('status').filter({ hasText: 'The connection is lost.' });
    await page.route('**/events/stream', (route) => route.fulfill({ status: 502, body: 'a proxy says no' }));
    await page.reload();
    await banner.waitFor();
    await page.unroute('**/events/stream');
    await banner.waitFor({ state: 'hidden', timeout: 30_000 });
    await page.getByText('Live', { exact: true }).waitFor();
  }, 120_000);

  it('says that the data is late for as long as the view has not reached what has happened', async () => {
    listened = await browser.open(`${demo.url}/#/workers`);
    const { page } = listened;
    const banner = page.getByRole('status').filter({ hasText: 'The data is late.' });
    await page.getByText('Live', { exact: true }).waitFor();
    await page.route('**/workers?*', async (route) => {
      if (route.request().headers()['consistency-token'] === undefined) return route.continue();
      const problem = { type: 'about:blank', title: 'late', status: 503, code: 'view_is_late', detail: 'Ask again.' };
      return route.fulfill({ status: 503, contentType: 'application/problem+json', body: JSON.stringify(problem) });
    });
    // The demo's checks are events that have the page look again, with their tokens.
    await banner.waitFor({ timeout: 30_000 });
    await rowOf(page, 'lab-busy').getByRole('timer').waitFor();
    await page.unroute('**/workers?*');
    await banner.waitFor({ state: 'hidden', timeout: 30_000 });
  }, 120_000);

  it('counts by the clock of the service, whatever that of the machine says', async () => {
    listened = await browser.open(`${demo.url}/#/workers`);
    const { page } = listened;
    await page.clock.setSystemTime(Date.now() + 3 * 3_600_000);
    await page.reload();
    const row = rowOf(page, 'lab-busy');
    await row.getByText(/^(just now|\d+ seconds ago)$/).waitFor();
    await row.getByText('Active', { exact: true }).waitFor();
    expect(await row.getByRole('timer').textContent()).toMatch(/^0:(0\d|1[0-5])$/);
  }, 120_000);

  it('says so when it goes away in the middle of a command, and does the same command when that is tried again', async () => {
    listened = await browser.open(demo.url);
    const { page } = listened;
    await page.getByRole('link', { name: 'lab-busy', exact: true }).click();
    await page.getByRole('button', { name: 'Pause', exact: true }).click();
    const keys: (string | undefined)[] = [];
    let cut = true;
    await page.route('**/pause', async (route) => {
      keys.push(route.request().headers()['idempotency-key']);
      if (!cut) return route.continue();
      // It arrives and is carried out; the answer is lost.
      cut = false;
      await route.fetch();
      await route.abort();
    });
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Pause worker' }).click();
    await dialog.getByText('What was asked for may have been done or not.').waitFor();
    await dialog.getByRole('button', { name: 'Try again' }).click();
    await dialog.waitFor({ state: 'hidden' });
    expect(keys).toHaveLength(2);
    expect(keys[0]).toBe(keys[1]);
    await page.getByText(/^It was paused by ada on /).waitFor();
    const row = page.getByRole('row', { name: /^By hand/ });
    expect(await row.innerText()).toMatch(/By hand\s+1\s+0/);
  }, 120_000);
});
