import type { Browser, Page } from 'playwright-core';
import { addRefusedSeries, type AdminRig, startAdminRig } from '../fixtures/admin';
import { type IdentityProvider, startIdentityProvider } from '../fixtures/identity-provider';
import { freePort } from '../fixtures/ports';
import { openBrowser } from '../viewer/ohif';

// The dashboard in chromium: who sees what. Its own content security policy is in force.

jest.setTimeout(90_000);

const SERIES = '1.2.3.4';
let rig: AdminRig;
let provider: IdentityProvider;
let browser: Browser;
let origin: string;
const complaints: string[] = [];

beforeAll(async () => {
  rig = await startAdminRig();
  await addRefusedSeries(rig.database.pool, SERIES);
  const port = await freePort();
  origin = `http://127.0.0.1:${port}`;
  provider = await startIdentityProvider(origin, null);
  await rig.start({
    port,
    authentication: 'required',
    publicUrl: origin,
    oidc: {
      issuer: provider.issuer,
      clientId: 'raunet',
      scope: 'openid profile',
      roleClaim: 'groups',
      roles: { viewer: ['radiology'], operator: ['pacs-team'], admin: ['pacs-admins'] },
    },
  });
  browser = await openBrowser();
});
afterAll(async () => {
  await browser?.close();
  await rig?.stop();
  await provider?.stop();
});

async function openPage(): Promise<Page> {
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (/content security policy|refused to/i.test(message.text())) complaints.push(message.text());
  });
  await page.goto(origin);
  return page;
}

async function signIn(token: string): Promise<Page> {
  const page = await openPage();
  await page.getByLabel('Token', { exact: true }).fill(token);
  await page.getByRole('button', { name: 'Sign in with a token' }).click();
  await page.getByText('Series by stage').waitFor();
  return page;
}

const openSeries = (page: Page) => page.getByRole('button', { name: SERIES }).click();
const shown = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).isVisible();

test('a stranger sees the way in and no series; a wrong token is said so', async () => {
  const page = await openPage();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  expect(await page.getByText('Series by stage').isVisible()).toBe(false);
  await page.getByLabel('Token', { exact: true }).fill('guessed');
  await page.getByRole('button', { name: 'Sign in with a token' }).click();
  await page.getByText('This token is not known').waitFor();
  await page.context().close();
});

test('a viewer sees series, readiness and their own name, but no action and no tokens', async () => {
  const page = await signIn(rig.tokens.viewer);
  await page.getByText('token the-viewer, viewer').waitFor();
  await openSeries(page);
  await page.getByRole('heading', { name: 'History' }).waitFor();
  expect([await shown(page, 'Retry'), await shown(page, 'Cancel')]).toEqual([false, false]);
  expect(await page.locator('#tokens').isVisible()).toBe(false);
  await page.context().close();
});

test('an operator retries under their name', async () => {
  const page = await signIn(rig.tokens.operator);
  await openSeries(page);
  await page.getByRole('button', { name: 'Retry' }).click();
  await page.getByText('token the-operator asked for a new analysis.').waitFor();
  expect(await page.locator('#tokens').isVisible()).toBe(false);
  await page.context().close();
});

test('an admin makes a token, sees it once, and revokes it', async () => {
  const page = await signIn(rig.tokens.admin);
  await page.getByText('Tokens', { exact: true }).click();
  await page.getByLabel('Name').fill('grafana');
  await page.getByRole('button', { name: 'Make a token' }).click();
  const secret = await page.locator('#tokens-said code').textContent();
  expect(secret).toMatch(/^raunet_[\w-]{43}$/);
  page.on('dialog', (dialog) => void dialog.accept());
  await page.getByRole('row', { name: 'grafana' }).getByRole('button', { name: 'Revoke' }).click();
  await page.getByText('The token is revoked').waitFor();
  expect(await page.getByRole('row', { name: 'grafana' }).count()).toBe(0);
  await page.context().close();
});

test('a user of the identity provider comes in by its pages, and out again', async () => {
  const page = await openPage();
  await page.getByRole('link', { name: 'Sign in with your account' }).click();
  await page.locator('input[name=login]').fill('otto+pacs-team');
  await page.locator('input[name=password]').fill('any');
  await page.getByRole('button', { name: 'Sign-in' }).click();
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByText('otto, operator').waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForURL(`${provider.issuer}/**`);
  await page.goto(origin);
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await page.context().close();
});

test('scripts cannot read the session, and the policy of the pages was broken nowhere', async () => {
  const page = await signIn(rig.tokens.viewer);
  expect(await page.evaluate('document.cookie')).toBe('');
  await page.context().close();
  expect(complaints).toEqual([]);
});
