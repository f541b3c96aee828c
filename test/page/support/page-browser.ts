import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe } from '@jest/globals';
import { chromium } from 'playwright-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { ROOT } from '../../e2e/compiled-program.js';

const CHROMIUM = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';
const SCREENSHOTS = join(ROOT, 'build/screenshots');

/** Left out where there is no browser (CHROMIUM_PATH names one). */
export const describeWithBrowser = existsSync(CHROMIUM) ? describe : describe.skip;

/** A phone's width. */
export const PHONE = { width: 360, height: 740 } as const;

/** Something that the page asked for, or that went wrong in it. */
interface Heard {
  readonly requests: string[];
  readonly troubles: string[];
}

/** A page in a browser, with an ear on it. */
export interface Listened {
  readonly page: Page;
  readonly heard: Heard;
}

/** Debian's Chromium without a screen. */
export class PageBrowser {
  private constructor(private readonly browser: Browser) {}

  static async launch(): Promise<PageBrowser> {
    // Nothing but the service under test is looked at, and containers have no sandbox to give.
    return new PageBrowser(await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] }));
  }

  /** A page of its own, which remembers nothing of others. @param user who it says one is; '': nobody yet */
  async open(
    url: string,
    { user = 'ada', ...options }: BrowserContextOptions & { user?: string } = {},
  ): Promise<Listened> {
    const context = await this.browser.newContext({ timezoneId: 'Europe/Berlin', reducedMotion: 'reduce', ...options });
    await context.addInitScript(
      `if (${JSON.stringify(user)}) localStorage.setItem('dormouse.user', ${JSON.stringify(user)})`,
    );
    const page = await context.newPage();
    const heard: Heard = { requests: [], troubles: [] };
    page.on('request', (request) => heard.requests.push(request.url()));
    page.on('pageerror', (error) => heard.troubles.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') heard.troubles.push(message.text());
    });
    await page.goto(url);
    return { page, heard };
  }

  close(): Promise<void> {
    return this.browser.close();
  }
}

/** Kept as build output, for people to look at: all of the page, or what is seen of it when a dialog lies before it. */
export async function screenshot(page: Page, name: string, fullPage = true): Promise<void> {
  await mkdir(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage });
}

/** The row of the table that begins with this name. */
export function rowOf(page: Page, name: string) {
  return page.getByRole('row').filter({ has: page.getByRole('link', { name, exact: true }) });
}
