import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import type { Locator, Page } from 'playwright-core';
import { buildProgram } from '../e2e/compiled-program.js';
import { describeWithBrowser, PageBrowser, rowOf, screenshot } from './support/page-browser.js';
import { RunningDemo } from './support/running-demo.js';

const PAUSED_WITHIN_MS = 60_000;
const SHOWN_WITHIN_MS = 15_000;

describeWithBrowser('The page of the demo', () => {
  let demo: RunningDemo;
  let browser: PageBrowser;
  let page: Page;

  beforeAll(async () => {
    await buildProgram();
    browser = await PageBrowser.launch();
    demo = await RunningDemo.start();
  }, 300_000);

  afterEach(() => page.context().close());
  afterAll(async () => {
    await browser.close();
    await demo.end();
  });

  const open = async (hash: string, user = 'ada'): Promise<void> => {
    ({ page } = await browser.open(`${demo.url}/${hash}`, { user }));
    page.setDefaultTimeout(SHOWN_WITHIN_MS);
  };
  const openWorker = async (name: string, user = 'ada'): Promise<void> => {
    await open('#/workers', user);
    await page.getByRole('link', { name, exact: true }).click();
    await page.getByRole('heading', { level: 1, name, exact: true }).waitFor();
  };
  const fact = (name: string) =>
    page
      .locator('dl > div')
      .filter({ hasText: new RegExp(`^${name}`) })
      .locator('dd');

  it('counts a worker down to zero and then shows it paused, without being loaded again', async () => {
    await open('#/workers');
    const row = rowOf(page, 'lab-forgotten');
    const countdown = row.getByRole('timer');
    await countdown.waitFor({ timeout: PAUSED_WITHIN_MS });
    await page.evaluate('globalThis.wasNotLoadedAgain = true');
    expect(await countdown.textContent()).toMatch(/^0:(0\d|1[0-5])$/);

    await row.getByText(/^Due (now|at the next check, in 0:0\d)$|^Paused$/).waitFor({ timeout: PAUSED_WITHIN_MS });
    await row.getByText('Paused', { exact: true }).waitFor({ timeout: PAUSED_WITHIN_MS });
    await row.getByText('idle for too long').waitFor();
    await row.getByText('Stopped', { exact: true }).waitFor();
    expect(await page.evaluate('globalThis.wasNotLoadedAgain')).toBe(true);
  }, 120_000);

  it('tells why a worker was paused, with the numbers, and who did it', async () => {
    await openWorker('lab-idle');
    await page
      .getByText(/^It was paused automatically on .* because it had been idle/)
      .waitFor({ timeout: PAUSED_WITHIN_MS });
    await page.getByText(/^The last check was .* It read \d+ telemetry events and found nothing new/).waitFor();
    await page
      .getByText(
        /^It had been idle for \d+ (minutes|seconds), since .* CET, its .*: its timeout of 15 seconds was over/,
      )
      .waitFor();
    await page.getByText('The timeout of 15 seconds is the global setting.').waitFor();
    expect(await fact('Last paused').innerText()).toMatch(/ago|just now/);
    expect(await fact('Last paused').innerText()).toContain('idle for too long (system)');
    expect(await page.getByRole('row', { name: /^Automatically/ }).innerText()).toMatch(/Automatically\s+1\s+0/);
  }, 120_000);

  it('pauses a worker after a confirmation that says what will happen, in the name that it asks for, and resumes it', async () => {
    await openWorker('lab-busy', '');
    await page.getByRole('button', { name: 'Pause', exact: true }).click();
    const dialog = page.getByRole('dialog', { name: 'Pause lab-busy?' });
    await dialog.getByText(/EC2 is asked to stop the instance i-/).waitFor();
    await dialog.getByRole('button', { name: 'Pause worker' }).click();
    await dialog.getByText('Say who you are.').waitFor();

    await dialog.getByRole('textbox', { name: 'Who are you?' }).fill('grace@example.com');
    const sent = page.waitForRequest((request) => request.url().endsWith('/pause'));
    await dialog.getByRole('button', { name: 'Pause worker' }).click();
    const headers = await (await sent).allHeaders();
    expect(headers).toMatchObject({
      'x-user-id': 'grace@example.com',
      'idempotency-key': expect.stringMatching(/^page-/),
    });
    await page.getByRole('alert').filter({ hasText: 'lab-busy is paused' }).waitFor();
    await page.getByText(/^It was paused by grace@example.com on /).waitFor();
    await fact('Last paused').getByText('by grace@example.com').waitFor();
    expect(await page.getByRole('row', { name: /^By hand/ }).innerText()).toMatch(/By hand\s+1\s+0/);

    await page.getByRole('button', { name: 'Resume' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Resume worker' }).click();
    await page
      .getByText(/^Protected from auto-pause for \d+ (seconds|minutes?)$/)
      .waitFor({ timeout: PAUSED_WITHIN_MS });
    await page.getByText('Running', { exact: true }).waitFor();
    await fact('Last resumed').getByText('by grace@example.com').waitFor();
  }, 120_000);

  it('gives a worker a timeout of its own, and back the global one', async () => {
    await openWorker('lab-broken-telemetry');
    const change = async (): Promise<void> => {
      await page.getByRole('button', { name: 'Change timeout' }).click();
    };
    const confirm = async (): Promise<void> => {
      await page.getByRole('dialog').getByRole('button', { name: 'Change timeout' }).click();
      await page.getByRole('dialog').waitFor({ state: 'hidden' });
    };
    await change();
    await page.getByRole('radio', { name: 'A time of its own' }).check();
    await page.getByRole('textbox', { name: 'Minutes without activity' }).fill('nothing');
    await page.getByRole('dialog').getByRole('button', { name: 'Change timeout' }).click();
    await page.getByText('A number of minutes above 0, up to 525600, is accepted.').waitFor();
    await page.getByRole('textbox', { name: 'Minutes without activity' }).fill('90');
    await confirm();
    await page.getByText('Idle timeout: 90 minutes (its own)').waitFor();
    expect(await fact('Auto-pause in').innerText()).toMatch(/^1:2\d:\d\d$/);

    await change();
    await page.getByRole('radio', { name: 'The global setting (15 seconds)' }).check();
    await confirm();
    await page.getByText('Idle timeout: 15 seconds (the global setting)').waitFor();
  }, 120_000);

  it('shows that a worker is held back because its checks fail, and that nothing is concluded from that', async () => {
    await openWorker('lab-broken-telemetry');
    await page.getByText(/^A check failed .* never taken for idleness\.$/).waitFor({ timeout: PAUSED_WITHIN_MS });
    await page.getByText('Not while its checks fail').waitFor({ timeout: PAUSED_WITHIN_MS });
    await page.getByText(/^Its timeout is over, but its checks fail/).waitFor();
  }, 120_000);

  it('tells of a failure in the words of the service, and lets one try again', async () => {
    await openWorker('lab-broken-telemetry');
    const keys: (string | undefined)[] = [];
    page.on('request', (request) => {
      if (request.url().endsWith('/detect-idle')) keys.push(request.headers()['idempotency-key']);
    });
    await page.getByRole('button', { name: 'Check now' }).click();
    const dialog = page.getByRole('dialog', { name: 'Check lab-broken-telemetry now?' });
    await dialog.getByRole('button', { name: 'Check now' }).click();
    await dialog.getByText('telemetry_unavailable (502)').waitFor();
    await dialog.getByRole('button', { name: 'Try again' }).click();
    await dialog.getByText('telemetry_unavailable (502)').waitFor();
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await dialog.waitFor({ state: 'hidden' });
    // The first was refused for good: the second is another command.
    expect(new Set(keys).size).toBe(2);
  }, 120_000);

  it('switches idle detection off and on', async () => {
    await openWorker('lab-never-used');
    await page.getByRole('button', { name: 'Switch off' }).click();
    await page.getByRole('dialog').getByText('It is no longer checked and never paused automatically').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Switch off' }).click();
    await page.getByText('Idle detection: off').waitFor();
    await page.getByRole('button', { name: 'Switch on' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Switch on' }).click();
    await page.getByText('Idle detection: on').waitFor();
  }, 120_000);

  it('lets a worker be reached, opened and paused without a mouse', async () => {
    await open('#/workers');
    const link = page.getByRole('link', { name: 'lab-busy', exact: true });
    await link.waitFor();
    await tabTo(link);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'lab-busy' }).waitFor();
    expect(await page.title()).toBe('lab-busy · Dormouse');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('lab-busy');

    const pause = page.getByRole('button', { name: 'Pause', exact: true });
    await pause.waitFor();
    await tabTo(pause);
    await page.keyboard.press('Enter');
    const confirm = page.getByRole('button', { name: 'Pause worker' });
    await confirm.waitFor();
    expect(await hasFocus(confirm)).toBe(true);
    await page.keyboard.press('Enter');
    await page.getByText(/^It was paused by ada on /).waitFor();
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Resume');

    const slider = page.getByRole('slider', { name: 'Timeline' });
    await tabTo(slider);
    const before = await slider.getAttribute('aria-valuetext');
    await page.keyboard.press('ArrowLeft');
    expect(await slider.getAttribute('aria-valuetext')).not.toBe(before);
    expect(await slider.getAttribute('aria-valuetext')).toMatch(/in use|idle|paused|resumed|registered|EC2/);
  }, 120_000);

  it('filters and sorts the workers, and keeps that in the address', async () => {
    await open('#/workers?q=lab&sort=-name');
    await page.getByRole('link', { name: 'lab-busy', exact: true }).waitFor();
    const names = () => page.getByRole('rowheader').getByRole('link').allTextContents();
    expect(await names()).toEqual((await names()).toSorted().toReversed());
    await page.getByRole('searchbox', { name: 'Find' }).fill('broken us-east');
    await page.getByText('1 of 6 workers').waitFor();
    expect(await names()).toEqual(['lab-broken-telemetry']);
    await page.getByRole('button', { name: 'Region' }).click();
    expect(await page.getByRole('columnheader', { name: 'Region' }).getAttribute('aria-sort')).toBe('ascending');
    expect(page.url()).toContain('#/workers?q=broken+us-east&sort=region');
    await page.getByRole('searchbox', { name: 'Find' }).fill('nobody has this name');
    await page.getByText('No worker is like that').waitFor();
  }, 120_000);

  it('shows the exact time, with its zone, to who points at a time or tabs to it', async () => {
    await open('#/workers');
    const time = rowOf(page, 'lab-idle').getByText('2 hours ago');
    await time.hover();
    await page.getByRole('tooltip', { name: /^\w{3}, \d+ \w{3} \d{4}, \d\d:\d\d:\d\d CES?T$/ }).waitFor();
    await page.mouse.move(0, 0);
    await page.getByRole('tooltip').waitFor({ state: 'hidden' });
    await time.focus();
    await page.getByRole('tooltip').waitFor();
  }, 120_000);

  it('shows a coaching session that comes back with a message, counts down, and is paused again', async () => {
    await open('#/coaching');
    const row = page.getByRole('row').filter({ hasText: 'Core Values Discovery' });
    await row.getByText('for inactivity').waitFor({ timeout: PAUSED_WITHIN_MS });
    const [session = ''] = /sess_[-0-9a-f]+/.exec(await row.innerText()) ?? [];
    const answer = await fetch(`${demo.url}/coaching/sessions/${session}/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-tenant-id': 'demo', 'x-user-id': 'ada' },
      body: JSON.stringify({ role: 'user', content: 'I am here again.' }),
    });
    expect(answer.status).toBe(201);
    await row.getByText('Active', { exact: true }).waitFor();
    expect(await row.getByRole('timer').textContent()).toMatch(/^0:(0\d|1[0-2])$/);
    await screenshot(page, 'coaching-counting');
    await row.getByText('for inactivity').waitFor({ timeout: PAUSED_WITHIN_MS });
  }, 120_000);

  it('shows the jobs, and runs one after a confirmation', async () => {
    await open('#/jobs');
    const job = page.getByRole('region', { name: 'session-expiry' });
    await job.getByText('Succeeded').waitFor();
    await job.getByRole('timer').waitFor();
    await job.getByRole('button', { name: 'Run now: session-expiry' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Run now' }).click();
    await page.getByRole('alert').filter({ hasText: 'session-expiry is done' }).waitFor();
    await job.getByText('expired sessions 0, failed sessions 0').waitFor();
  }, 120_000);

  it('says that there is no such worker, and that an address leads to nothing', async () => {
    await open('#/workers/us-east-1/00000000-0000-5000-8000-000000000000');
    await page.getByText('There is no such worker').waitFor();
    await page.goto(`${demo.url}/#/nowhere`);
    await page.getByText('The address leads to no view').waitFor();
  }, 120_000);

  async function hasFocus(target: Locator): Promise<boolean> {
    return (await target.and(page.locator(':focus')).count()) === 1;
  }

  /** Goes there by the keyboard only. */
  async function tabTo(target: Locator): Promise<void> {
    for (let steps = 0; steps < 60; steps++) {
      if (await hasFocus(target)) return;
      await page.keyboard.press('Tab');
    }
    throw new Error(
      `The keyboard does not get there, but to ${String(await page.evaluate('document.activeElement.outerHTML'))}.`,
    );
  }
});
