import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { buildProgram, ROOT, Running } from '../e2e/compiled-program.js';
import { writeWorkers } from './support/many-workers.js';
import { describeWithBrowser, PageBrowser, PHONE, rowOf, screenshot } from './support/page-browser.js';

const WORKERS = 1_000;
/** What is seen and a little around it, whatever there is. */
const MOST_ROWS = 60;

describeWithBrowser('A table of 1,000 workers', () => {
  let dataDirectory: string;
  let service: Running;
  let browser: PageBrowser;
  let page: Page;
  let url: string;

  beforeAll(async () => {
    await buildProgram();
    dataDirectory = await mkdtemp(join(tmpdir(), 'dormouse-page-'));
    await writeWorkers(dataDirectory, WORKERS);
    service = Running.node([join(ROOT, 'dist/main.js')], {
      AWS_ENDPOINT_URL_EC2: 'http://127.0.0.1:9',
      AWS_ACCESS_KEY_ID: 'testing',
      AWS_SECRET_ACCESS_KEY: 'testing',
      DATA_DIR: dataDirectory,
      PORT: '0',
    });
    url = (await service.printed(/"url":"([^"]+)"/, 20_000))[1] ?? '';
    browser = await PageBrowser.launch();
    ({ page } = await browser.open(url));
    await page.getByText('1000 workers').waitFor();
  }, 300_000);
  afterAll(async () => {
    await browser.close();
    await service.end('SIGTERM');
    await rm(dataDirectory, { recursive: true, force: true });
  });

  const rows = () => page.locator('tbody [role=row]');
  const names = () => page.getByRole('rowheader').getByRole('link').allTextContents();

  it('has only the rows in the document that are seen, and says how many there are', async () => {
    expect(await page.getByRole('table', { name: 'Workers' }).getAttribute('aria-rowcount')).toBe('1001');
    expect(await rows().count()).toBeLessThan(MOST_ROWS);
    expect(await rows().first().getAttribute('aria-rowindex')).toBe('2');
    await screenshot(page, 'many-workers', false);
  }, 60_000);

  it('shows its end when one goes there, with its header still in sight', async () => {
    await page.evaluate('window.scrollTo(0, document.documentElement.scrollHeight)');
    await rowOf(page, 'worker-1000').waitFor();
    expect(await rows().last().getAttribute('aria-rowindex')).toBe('1001');
    expect(await rows().count()).toBeLessThan(MOST_ROWS);
    expect((await page.getByRole('button', { name: 'Name' }).boundingBox())?.y).toBeGreaterThanOrEqual(0);
    await page.evaluate('window.scrollTo(0, 0)');
    await rowOf(page, 'worker-1').waitFor();
  }, 60_000);

  it('comes back to where one was', async () => {
    await page.evaluate('window.scrollTo(0, 20000)');
    const link = page.getByRole('link', { name: /^worker-\d+$/ }).nth(12);
    const name = (await link.textContent()) ?? '';
    await link.click();
    await page.getByRole('heading', { level: 1, name, exact: true }).waitFor();
    expect(await page.evaluate('window.scrollY')).toBe(0);
    await page.getByRole('main').getByRole('link', { name: 'Workers' }).click();
    await rowOf(page, name).waitFor();
    const seenAt = (await rowOf(page, name).boundingBox())?.y ?? -1;
    expect(seenAt).toBeGreaterThan(0);
    expect(seenAt).toBeLessThan(page.viewportSize()?.height ?? 0);
    await page.evaluate('window.scrollTo(0, 0)');
  }, 60_000);

  it('sorts all of them by any column, names with numbers as people count', async () => {
    await page.getByRole('button', { name: 'Name' }).click();
    await rowOf(page, 'worker-1000').waitFor();
    expect((await names()).slice(0, 3)).toEqual(['worker-1000', 'worker-999', 'worker-998']);
    await page.getByRole('button', { name: 'Region' }).click();
    await rowOf(page, 'worker-3').waitFor();
    expect((await names()).slice(0, 3)).toEqual(['worker-3', 'worker-6', 'worker-9']);
    await page.getByRole('button', { name: 'Name' }).click();
    await rowOf(page, 'worker-1').waitFor();
    expect((await names()).slice(0, 3)).toEqual(['worker-1', 'worker-2', 'worker-3']);
  }, 60_000);

  it('filters all of them by text, status and idle state', async () => {
    await page.getByRole('searchbox', { name: 'Find' }).fill('worker-99');
    await page.getByText('11 of 1000 workers').waitFor();
    await page.getByRole('combobox', { name: 'Status' }).selectOption('stopped');
    await page.getByText('5 of 1000 workers').waitFor();
    expect(await names()).toEqual(['worker-990', 'worker-992', 'worker-994', 'worker-996', 'worker-998']);
    await page.getByRole('combobox', { name: 'Status' }).selectOption('');
    await page.getByRole('searchbox', { name: 'Find' }).fill('');
    await page.getByRole('combobox', { name: 'Idle state' }).selectOption('active');
    await page.getByText('500 of 1000 workers').waitFor();
  }, 60_000);

  it('is cards on a phone, and as short in the document', async () => {
    const phone = await browser.open(url, { viewport: PHONE });
    await phone.page.getByText('1000 workers').waitFor();
    expect(await phone.page.locator('tbody [role=row]').count()).toBeLessThan(MOST_ROWS);
    await phone.page.getByRole('combobox', { name: 'Sort by' }).selectOption('-name');
    await rowOf(phone.page, 'worker-1000').waitFor();
    await phone.page.context().close();
  }, 60_000);

  it('shows what happens to one of them, without asking for all', async () => {
    const { page: watched, heard } = await browser.open(`${url}/#/workers?q=worker-7&sort=name`);
    const row = rowOf(watched, 'worker-7');
    await row.getByText('Off', { exact: true }).waitFor();
    await watched.getByText('Live', { exact: true }).waitFor();
    const path = new URL((await rowOf(watched, 'worker-7').getByRole('link').getAttribute('href')) ?? '', url).hash;
    const [, , region, id] = path.split('/');
    const before = heard.requests.length;
    const answer = await fetch(`${url}/region/${region}/workers/${id}/idle-detection/enable`, { method: 'POST' });
    expect(answer.status).toBe(200);
    await row.getByText('On', { exact: true }).waitFor();
    const asked = heard.requests.slice(before).filter((request) => request.includes('/workers'));
    expect(asked).toEqual([expect.stringContaining(`worker_id=${id}`)]);
    await watched.context().close();
  }, 60_000);
});
