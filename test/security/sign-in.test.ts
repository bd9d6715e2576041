import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AdminConfig } from '../../src/config/admin';
import { addRefusedSeries, type AdminRig, startAdminRig } from '../fixtures/admin';
import { type IdentityProvider, startIdentityProvider } from '../fixtures/identity-provider';
import { freePort } from '../fixtures/ports';
import { type Page, type UserAgent, userAgent } from '../fixtures/user-agent';

// Sign-in by OpenID Connect against a real provider (oidc-provider), its forms filled in over HTTP.

const SECRET = 'the secret of the client';
const SERIES = '1.2.3.4';
const folder = mkdtempSync(join(tmpdir(), 'raunet-sign-in-'));
const clientSecretFile = join(folder, 'secret');

let rig: AdminRig;
let provider: IdentityProvider;
let origin: string;
let oidc: NonNullable<AdminConfig['oidc']>;

beforeAll(async () => {
  writeFileSync(clientSecretFile, `${SECRET}\n`);
  rig = await startAdminRig();
  await addRefusedSeries(rig.database.pool, SERIES);
  const port = await freePort();
  origin = `http://127.0.0.1:${port}`;
  provider = await startIdentityProvider(origin, SECRET);
  oidc = {
    issuer: provider.issuer,
    clientId: 'raunet',
    clientSecretFile,
    scope: 'openid profile',
    roleClaim: 'groups',
    roles: { viewer: ['radiology'], operator: ['pacs-team'], admin: ['pacs-admins'] },
  };
  await rig.start({ port, authentication: 'required', publicUrl: origin, oidc });
});
afterAll(async () => {
  await rig?.stop();
  await provider?.stop();
  rmSync(folder, { recursive: true });
});

const action = ({ text, url }: Page): string =>
  new URL(/<form[^>]* action="([^"]+)"/.exec(text)![1]!, url).href;

/** From the page of the provider to whatever comes after it. */
async function identify(browser: UserAgent, login: Page, user: string): Promise<Page> {
  const consent = await browser.submit(action(login), { prompt: 'login', login: user, password: 'any' });
  return browser.submit(action(consent), { prompt: 'consent' });
}

async function signIn(user: string): Promise<{ browser: UserAgent; page: Page }> {
  const browser = userAgent();
  return { browser, page: await identify(browser, await browser.get(`${origin}/login`), user) };
}

const whoami = async (browser: UserAgent): Promise<unknown> =>
  (await browser.fetch(`${origin}/api/session`)).json();

test('a group of the provider gives its role; the highest counts', async () => {
  for (const [user, role] of [
    ['vera+radiology', 'viewer'],
    ['otto+pacs-team+kitchen', 'operator'],
    ['anna+radiology+pacs-admins', 'admin'],
  ] as const) {
    const { browser, page } = await signIn(user);
    expect([page.url.href, page.status]).toEqual([`${origin}/`, 200]);
    expect(await whoami(browser)).toEqual({ user: user.split('+')[0], role, signIn: ['oidc', 'token'] });
    expect(rig.told.at(-1)).toEqual({
      kind: 'signed in',
      user: user.split('+')[0],
      address: '127.0.0.1',
      failure: null,
    });
  }
});

test('whoever has no group with a role is not let in, and told so', async () => {
  const { browser, page } = await signIn('eve+kitchen');
  expect(page.url.href).toBe(`${origin}/?problem=RAUNET_SIGN_IN`);
  expect(await whoami(browser)).toMatchObject({ user: null, role: null });
  expect((await browser.fetch(`${origin}/api/series`)).status).toBe(401);
  expect(rig.logged()).toContain('the claim groups gives no role');
  expect(rig.told.at(-1)).toEqual({
    kind: 'signed in',
    user: null,
    address: '127.0.0.1',
    failure: expect.stringContaining('eve: the claim groups gives no role'),
  });
});

test('the provider gets a challenge of PKCE, a state and a nonce, new at each sign-in', async () => {
  const asked = async () => {
    const response = await userAgent().fetch(`${origin}/login`);
    return Object.fromEntries(new URL(response.headers.get('location')!).searchParams);
  };
  const [first, second] = [await asked(), await asked()];
  expect(first).toMatchObject({
    response_type: 'code',
    code_challenge_method: 'S256',
    redirect_uri: `${origin}/login/callback`,
    scope: 'openid profile',
  });
  for (const key of ['state', 'nonce', 'code_challenge']) {
    expect(first[key]!.length).toBeGreaterThanOrEqual(32);
    expect(first[key]).not.toBe(second[key]);
  }
});

test('a retry is in the history under the name of the user, and a viewer cannot do it', async () => {
  const retry = (browser: UserAgent) =>
    browser.fetch(`${origin}/api/series/${SERIES}/retry`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: '{}',
    });
  const { browser: vera } = await signIn('vera+radiology');
  expect((await retry(vera)).status).toBe(403);
  const { browser: otto } = await signIn('otto+pacs-team');
  expect((await retry(otto)).status).toBe(200);
  const detail = await (await otto.fetch(`${origin}/api/series/${SERIES}`)).text();
  expect(detail).toContain('otto asked for a new analysis.');
});

describe('a way back that was not begun like that is refused', () => {
  /** The address that the provider sends the browser to, not followed. */
  async function wayBack(browser: UserAgent, user: string): Promise<string> {
    const login = await browser.get(`${origin}/login`);
    let response = await browser.fetch(
      action(login),
      form({ prompt: 'login', login: user, password: 'any' }),
    );
    for (let hops = 0; hops < 8; hops++) {
      const location = response.headers.get('location');
      if (location?.startsWith(`${origin}/login/callback`)) return location;
      const from = response.url;
      response =
        location === null
          ? await browser.fetch(
              action({ url: new URL(from), status: 200, text: await response.text() }),
              form({ prompt: 'consent' }),
            )
          : await browser.fetch(new URL(location, from).href);
    }
    throw new Error('the provider does not send the browser back');
  }
  const form = (fields: Record<string, string>): RequestInit => ({
    method: 'POST',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(fields).toString(),
  });

  const refused = async (browser: UserAgent, url: string): Promise<void> => {
    const response = await browser.fetch(url);
    expect(response.headers.get('location')).toBe('/?problem=RAUNET_SIGN_IN');
    expect(await whoami(browser)).toMatchObject({ user: null });
  };
  /** The login cookie with one value replaced. */
  const altered = (cookie: string, change: object): string =>
    Buffer.from(
      JSON.stringify({ ...JSON.parse(Buffer.from(cookie, 'base64url').toString()), ...change }),
    ).toString('base64url');

  test('in another browser: nobody is signed in as the user of somebody else', async () => {
    const url = await wayBack(userAgent(), 'anna+pacs-admins');
    await refused(userAgent(), url);
  });

  test.each([
    ['state', { state: 'a state of their own, as long as ours is' }],
    ['nonce', { nonce: 'a nonce of their own, as long as ours is' }],
    ['PKCE verifier', { verifier: 'a verifier of their own, as long as ours is....' }],
    ['cookie', 'nonsense'],
  ])('with another %s', async (_, change) => {
    const browser = userAgent();
    const url = await wayBack(browser, 'anna+pacs-admins');
    const cookies = browser.cookies(origin);
    const kept = cookies.get('raunet-login')!;
    cookies.set('raunet-login', typeof change === 'string' ? change : altered(kept, change));
    await refused(browser, url);
  });

  test('with a code that was used before', async () => {
    const browser = userAgent();
    const url = await wayBack(browser, 'anna+pacs-admins');
    const kept = browser.cookies(origin).get('raunet-login')!;
    expect((await browser.fetch(url)).headers.get('location')).toBe('/');
    const second = userAgent();
    second.cookies(origin).set('raunet-login', kept);
    await refused(second, url);
  });

  test('with a refusal of the provider', async () => {
    const browser = userAgent();
    await browser.fetch(`${origin}/login`);
    const { state } = JSON.parse(
      Buffer.from(browser.cookies(origin).get('raunet-login')!, 'base64url').toString(),
    );
    await refused(
      browser,
      `${origin}/login/callback?error=access_denied&state=${state}&iss=${provider.issuer}`,
    );
    expect(rig.logged()).toContain('access_denied');
  });
});

test('signing out ends the session here and leads to the end of the one at the provider', async () => {
  const { browser } = await signIn('anna+pacs-admins');
  const stolen = browser.cookies(origin).get('raunet-session')!;
  const response = await browser.fetch(`${origin}/api/session`, {
    method: 'DELETE',
    headers: { 'Content-Type': 'application/json' },
  });
  expect(rig.told.at(-1)).toMatchObject({ kind: 'signed out', user: 'anna', failure: null });
  const { continueAt } = (await response.json()) as { continueAt: string };
  const url = new URL(continueAt);
  expect(url.origin).toBe(provider.issuer);
  expect(url.searchParams.get('post_logout_redirect_uri')).toBe(`${origin}/`);
  expect((await browser.get(continueAt)).status).toBe(200);
  browser.cookies(origin).set('raunet-session', stolen);
  expect((await browser.fetch(`${origin}/api/series`)).status).toBe(401);
});

test('while the provider is down the pages say so, and a token still signs in', async () => {
  const port = await freePort();
  const publicUrl = `http://127.0.0.1:${port}`;
  const down = { ...oidc, issuer: `http://127.0.0.1:${await freePort()}` };
  await rig.start({ port, authentication: 'required', publicUrl, oidc: down });
  const browser = userAgent();
  expect((await browser.get(`${publicUrl}/login`)).url.href).toBe(
    `${publicUrl}/?problem=RAUNET_IDENTITY_PROVIDER`,
  );
  const response = await browser.fetch(`${publicUrl}/api/session`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ token: rig.tokens.operator }),
  });
  expect(response.status).toBe(200);
});

test('neither the secret of the client nor a code, token or cookie stands in the log', () => {
  const logged = rig.logged();
  expect(logged).toContain('Signed in to the admin pages');
  expect(logged).not.toContain(SECRET);
  expect(logged).not.toMatch(/raunet_|code=|eyJ/);
});
