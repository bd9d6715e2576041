import type { Browser, Page } from 'playwright-core';
import { addRefusedSeries, type AdminRig, startAdminRig } from '../fixtures/admin';
import { openBrowser } from './ohif';

// The dashboard in chromium, by keyboard, while it refreshes itself.

jest.setTimeout(90_000);

const SERIES = ['1.2.3.4', '1.2.3.5'] as const;
let rig: AdminRig;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  rig = await startAdminRig();
  for (const uid of SERIES) await addRefusedSeries(rig.database.pool, uid);
  const { port } = await rig.start({});
  browser = await openBrowser();
  page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  await page.goto(`http://127.0.0.1:${port}`);
  await page.getByRole('button', { name: SERIES[0] }).waitFor();
});
afterAll(async () => {
  await browser?.close();
  await rig?.stop();
});

/** What the focus is on, as its text. */
const focused = (): Promise<string> => page.evaluate('document.activeElement.textContent');

/** Until the list was asked for and shown again, twice: the first may have been under way. */
async function refreshed(): Promise<void> {
  for (let i = 0; i < 2; i++) await page.waitForResponse((answer) => answer.url().includes('/api/series?'));
  await page.waitForTimeout(300);
}

test('a focused series keeps the focus through refreshes, also when another comes before it and its own row changes', async () => {
  await page.getByRole('button', { name: SERIES[0] }).focus();
  await refreshed();
  expect(await focused()).toBe(SERIES[0]);
  await addRefusedSeries(rig.database.pool, '1.2.3.6');
  await rig.database.pool.query("UPDATE raunet.series SET instances = 61 WHERE series_uid = '1.2.3.4'");
  await page.getByRole('row', { name: `${SERIES[0]} refused 61` }).waitFor();
  expect(await page.locator('#list button').allTextContents()).toEqual(['1.2.3.6', SERIES[1], SERIES[0]]);
  expect(await focused()).toBe(SERIES[0]);
});

test('a selected UID stays selected, and a status that did not change is not told again', async () => {
  await page.evaluate('getSelection().selectAllChildren(document.querySelector("#list button"))');
  await page.evaluate(
    `globalThis.told = 0; new MutationObserver(() => { told += 1 }).observe(document.getElementById('status'), { childList: true, characterData: true, subtree: true })`,
  );
  await refreshed();
  expect(await page.evaluate('getSelection().toString()')).toBe('1.2.3.6');
  expect(await page.evaluate('told')).toBe(0);
});

test('by keyboard alone: a stage is filtered, a series opened, retried, closed, and the focus is where it was', async () => {
  const box = page.locator('#endings button', { hasText: 'refused' });
  await box.focus();
  await page.keyboard.press('Enter');
  await refreshed();
  expect([await focused(), await box.getAttribute('aria-pressed')]).toEqual(['3refused', 'true']);
  await page.keyboard.press('Enter');

  await page.getByRole('button', { name: SERIES[1] }).focus();
  await page.keyboard.press('Enter');
  const retry = page.getByRole('button', { name: 'Retry' });
  await retry.focus();
  await refreshed();
  expect(await focused()).toBe('Retry');
  await page.keyboard.press('Enter');
  await page.getByText('asked for a new analysis').waitFor();
  await page.getByLabel('Priority').focus();
  await refreshed();
  await page.keyboard.press('s');
  await page.getByText('set the priority to stat').waitFor();
  await refreshed();
  expect(await page.evaluate('document.activeElement.value')).toBe('stat');
  await page.keyboard.press('Escape');
  expect(await focused()).toBe(SERIES[1]);
});

test('while a series is open, what went wrong is said in front of it', async () => {
  await page.goto(`${page.url().split('#')[0]}#9.9.9`);
  await page.reload();
  const said = page.getByRole('alert').filter({ hasText: 'RAUNET_NOT_FOUND' });
  await said.waitFor();
  const seen = `(box => document.elementFromPoint(box.x + 5, box.y + 5).closest('[role=alert]') !== null)`;
  expect(await page.evaluate(`${seen}(${JSON.stringify(await said.boundingBox())})`)).toBe(true);
  await page.keyboard.press('Escape');
  await refreshed();
  expect(await page.getByRole('alert').count()).toBe(0);
});
