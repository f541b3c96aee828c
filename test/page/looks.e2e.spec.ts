import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { buildProgram } from '../e2e/compiled-program.js';
import { describeWithBrowser, PageBrowser, PHONE, screenshot } from './support/page-browser.js';
import { RunningDemo } from './support/running-demo.js';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

interface Violation {
  readonly id: string;
  readonly impact: string | null;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
}

/** Views as one gets to them, each with what shows that it is there. */
const VIEWS: Readonly<Record<string, (page: Page) => Promise<void>>> = {
  workers: async (page) => {
    await page.getByRole('link', { name: 'Workers', exact: true }).first().click();
    await page.getByRole('link', { name: 'lab-busy', exact: true }).waitFor();
  },
  worker: async (page) => {
    await page.getByRole('link', { name: 'lab-busy', exact: true }).click();
    await page.getByRole('heading', { name: 'Recent activity' }).waitFor();
    await page.getByRole('slider').waitFor();
  },
  'pause-dialog': async (page) => {
    await page.getByRole('button', { name: 'Pause', exact: true }).click();
    await page.getByRole('dialog').waitFor();
  },
  'timeout-dialog': async (page) => {
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Change timeout' }).click();
    await page.getByRole('radio', { name: 'A time of its own' }).check();
  },
  coaching: async (page) => {
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    await page.getByRole('link', { name: 'Coaching' }).click();
    await page.getByText('Core Values Discovery').waitFor();
  },
  jobs: async (page) => {
    await page.getByRole('link', { name: 'Jobs' }).click();
    await page.getByRole('heading', { name: 'activity-detection' }).waitFor();
  },
};

describeWithBrowser('Every view of the page', () => {
  let demo: RunningDemo;
  let browser: PageBrowser;

  beforeAll(async () => {
    await buildProgram();
    browser = await PageBrowser.launch();
    demo = await RunningDemo.start();
  }, 300_000);
  afterAll(async () => {
    await browser.close();
    await demo.end();
  });

  const LOOKS: Readonly<Record<string, BrowserContextOptions>> = {
    light: { colorScheme: 'light' },
    dark: { colorScheme: 'dark' },
    phone: { colorScheme: 'light', viewport: PHONE, hasTouch: true, isMobile: true },
    'phone-dark': { colorScheme: 'dark', viewport: PHONE, hasTouch: true, isMobile: true },
  };

  it.each(Object.entries(LOOKS))(
    'is for everybody: %s',
    async (look, options) => {
      const { page, heard } = await browser.open(demo.url, { user: '', ...options });
      await page.getByRole('status').getByText('Simulated lab').waitFor();
      for (const [name, go] of Object.entries(VIEWS)) {
        await go(page);
        await screenshot(page, `${name}-${look}`, !name.endsWith('dialog'));
        expect({ view: name, wider: await page.evaluate(WIDER_THAN_SCREEN) }).toEqual({ view: name, wider: 0 });
        expect({ view: name, violations: await violations(page) }).toEqual({ view: name, violations: [] });
      }
      expect(heard.troubles).toEqual([]);
      const origin = new URL(demo.url).origin;
      expect(heard.requests.filter((url) => new URL(url).origin !== origin && !url.startsWith('data:'))).toEqual([]);
      await page.context().close();
    },
    180_000,
  );

  it('is dark for who wants it so, and stays what was chosen', async () => {
    const { page } = await browser.open(demo.url, { colorScheme: 'dark' });
    const ground = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
    await page.getByRole('link', { name: 'lab-busy', exact: true }).waitFor();
    expect(await ground()).toBe('rgb(22, 23, 27)');
    await page.getByRole('button', { name: 'Switch to light colours' }).click();
    expect(await ground()).toBe('rgb(246, 245, 242)');
    await page.reload();
    await page.getByRole('button', { name: 'Switch to dark colours' }).waitFor();
    expect(await ground()).toBe('rgb(246, 245, 242)');
    await page.context().close();
  }, 120_000);
});

const WIDER_THAN_SCREEN = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';

/** What axe finds that keeps somebody from using the page. */
async function violations(page: Page): Promise<unknown[]> {
  await page.evaluate(await readFile(AXE, 'utf8'));
  const found = await page.evaluate<readonly Violation[]>('axe.run().then(({ violations }) => violations)');
  return found
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => ({
      id,
      nodes: nodes.map(({ html, failureSummary }) => `${html}: ${failureSummary ?? ''}`),
    }));
}
