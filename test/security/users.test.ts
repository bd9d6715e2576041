import { createHash } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import type { Admin } from '../../src/admin/server';
import { addRefusedSeries, type AdminRig, startAdminRig } from '../fixtures/admin';
import { until } from '../fixtures/until';
import { userAgent } from '../fixtures/user-agent';

// Who gets into the admin pages, on the real PostgreSQL.

let rig: AdminRig;
let admin: Admin;
let origin: string;
const SERIES = '1.2.3.4';

beforeAll(async () => {
  rig = await startAdminRig();
  await addRefusedSeries(rig.database.pool, SERIES);
});
beforeEach(async () => {
  admin = await rig.start({ authentication: 'required' });
  origin = `http://127.0.0.1:${admin.port}`;
});
afterAll(() => rig?.stop());

/** Whatever JSON came: the tests say what they expect of it. */
type Json = any;
const JSON_BODY = { 'Content-Type': 'application/json' };
const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
const ask = (path: string, token?: string) => fetch(origin + path, token ? { headers: bearer(token) } : {});
const send = (method: string, path: string, token: string, body: object = {}) =>
  fetch(origin + path, {
    method,
    headers: { ...bearer(token), ...JSON_BODY },
    body: JSON.stringify(body),
  });

describe('tokens', () => {
  test('of a secret only the SHA-256 is in the database', async () => {
    const { rows } = await rig.database.pool.query('SELECT * FROM raunet.admin_token ORDER BY name');
    expect(rows).toHaveLength(3);
    const kept = JSON.stringify(rows);
    for (const secret of Object.values(rig.tokens)) {
      expect(secret).toMatch(/^raunet_[\w-]{43}$/);
      expect(kept).not.toContain(secret.slice('raunet_'.length));
      expect(kept).toContain(createHash('sha256').update(secret).digest('hex'));
    }
  });

  test('made by an admin over the API work at once, and no longer once they are revoked', async () => {
    const made = (await (
      await send('POST', '/api/tokens', rig.tokens.admin, { name: 'grafana', role: 'viewer' })
    ).json()) as Json;
    expect((await ask('/metrics', made.token)).status).toBe(200);
    expect(await (await ask('/api/tokens', rig.tokens.admin)).text()).not.toContain(made.token.slice(7));
    const twice = await send('POST', '/api/tokens', rig.tokens.admin, { name: 'grafana', role: 'admin' });
    expect([twice.status, ((await twice.json()) as Json).code]).toEqual([409, 'RAUNET_TOKEN_NAME']);
    expect((await send('DELETE', '/api/tokens/grafana', rig.tokens.admin)).status).toBe(200);
    expect((await ask('/metrics', made.token)).status).toBe(401);
  });

  test('revoked on another machine of the database stop working here within seconds', async () => {
    const other = await rig.start({ authentication: 'required' });
    const made = (await (
      await send('POST', '/api/tokens', rig.tokens.admin, { name: 'roaming', role: 'viewer' })
    ).json()) as Json;
    const elsewhere = () => fetch(`http://127.0.0.1:${other.port}/metrics`, { headers: bearer(made.token) });
    await until('the other machine knows it', async () => (await elsewhere()).status === 200, 10);
    await send('DELETE', '/api/tokens/roaming', rig.tokens.admin);
    await until('the other machine forgot it', async () => (await elsewhere()).status !== 200, 10);
  });

  test('that have expired are refused, and so is a session that was begun with one', async () => {
    const made = (await (
      await send('POST', '/api/tokens', rig.tokens.admin, { name: 'short', role: 'viewer', days: 1 })
    ).json()) as Json;
    const browser = userAgent();
    await browser.fetch(`${origin}/api/session`, {
      method: 'POST',
      headers: JSON_BODY,
      body: JSON.stringify({ token: made.token }),
    });
    expect((await browser.fetch(`${origin}/api/summary`)).status).toBe(200);
    await rig.database.pool.query(
      "UPDATE raunet.admin_token SET expires_at = now() - interval '1 s' WHERE name = 'short'",
    );
    expect((await browser.fetch(`${origin}/api/summary`)).status).toBe(401);
    await until('it is refused', async () => (await ask('/metrics', made.token)).status === 401, 10);
  });

  test.each([
    ['another scheme', 'Basic dTpw'],
    ['no token', 'Bearer'],
    ['two tokens', 'Bearer a b'],
    ['a token of nobody', 'bearer raunet_x'],
    ['5000 letters', `Bearer ${'x'.repeat(5000)}`],
  ])('anything else in Authorization is refused, not taken for nobody: %.20s', async (authorization) => {
    const response = await fetch(`${origin}/ready`, { headers: { authorization } });
    expect([response.status, response.headers.get('www-authenticate')]).toEqual([
      401,
      'Bearer realm="raunet"',
    ]);
  });
});

test('a stranger sees that the service lives and whether it is ready, and nothing else of it', async () => {
  const open = ['/health', '/ready', '/api/session', '/', '/dashboard.mjs', '/openapi.yaml'];
  for (const path of open) expect([path, (await ask(path)).status]).toEqual([path, 200]);
  expect(await (await ask('/ready')).json()).toEqual({ status: 'ready', parts: [] });
  for (const path of ['/metrics', '/api/summary', '/api/series', `/api/series/${SERIES}`, '/api/tokens'])
    expect([path, (await ask(path)).status]).toEqual([path, 401]);
});

test('every change says who did it in the history of the series', async () => {
  const { token } = (await (
    await send('POST', '/api/tokens', rig.tokens.admin, { name: 'night-shift', role: 'operator' })
  ).json()) as Json;
  expect((await send('POST', `/api/series/${SERIES}/retry`, token)).status).toBe(200);
  expect((await send('POST', `/api/series/${SERIES}/priority`, token, { priority: 'stat' })).status).toBe(
    200,
  );
  expect((await send('POST', `/api/series/${SERIES}/cancel`, token)).status).toBe(200);
  const { history } = (await (await ask(`/api/series/${SERIES}`, token)).json()) as Json;
  expect(history.map(({ sentence, actor }: Json) => [actor, sentence])).toEqual([
    ['operator', 'token night-shift asked for a new analysis.'],
    ['operator', 'token night-shift set the priority to stat.'],
    ['operator', 'token night-shift cancelled the series.'],
  ]);
});

describe('a browser that signs in with a token', () => {
  const signIn = async (token: string) => {
    const browser = userAgent();
    const response = await browser.fetch(`${origin}/api/session`, {
      method: 'POST',
      headers: JSON_BODY,
      body: JSON.stringify({ token }),
    });
    return { browser, response };
  };

  test('gets a cookie that scripts cannot read and other sites cannot send with a POST, and the role of the token', async () => {
    const { browser, response } = await signIn(rig.tokens.viewer);
    expect(await response.json()).toEqual({ user: 'token the-viewer', role: 'viewer', signIn: ['token'] });
    expect(browser.cookieLines).toEqual([
      expect.stringMatching(
        /^raunet-session=raunet_[\w-]{43}; Max-Age=28800; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Lax$/,
      ),
    ]);
    expect((await browser.fetch(`${origin}/api/series`)).status).toBe(200);
    const retry = await browser.fetch(`${origin}/api/series/${SERIES}/retry`, {
      method: 'POST',
      headers: JSON_BODY,
      body: '{}',
    });
    expect(retry.status).toBe(403);
  });

  test('gets a Secure cookie bound to the host where the pages are reached by https', async () => {
    const proxied = await rig.start({ authentication: 'required', publicUrl: 'https://raunet.example' });
    const browser = userAgent();
    const response = await browser.fetch(`http://127.0.0.1:${proxied.port}/api/session`, {
      method: 'POST',
      headers: JSON_BODY,
      body: JSON.stringify({ token: rig.tokens.viewer }),
    });
    expect(browser.cookieLines[0]).toMatch(
      /^__Host-raunet-session=.*; Path=\/;.*; HttpOnly; Secure; SameSite=Lax$/,
    );
    expect(response.headers.get('strict-transport-security')).toBe('max-age=31536000');
  });

  test('cannot be made to change something by another site: forms, foreign fetches and plain text are refused', async () => {
    const { browser } = await signIn(rig.tokens.admin);
    const attempt = (headers: Record<string, string>) =>
      browser.fetch(`${origin}/api/series/${SERIES}/retry`, { method: 'POST', headers, body: '{}' });
    for (const headers of [
      { 'Content-Type': 'text/plain' },
      { 'Content-Type': 'application/x-www-form-urlencoded' },
      { ...JSON_BODY, 'Sec-Fetch-Site': 'cross-site' },
      { ...JSON_BODY, Origin: 'https://evil.example' },
    ])
      expect([headers, (await attempt(headers)).status]).toEqual([headers, 403]);
    expect((await attempt({ ...JSON_BODY, Origin: origin })).status).toBe(200);
  });

  test('is signed out for good: the cookie of before opens nothing, and the database has no more of the session than its hash', async () => {
    const { browser } = await signIn(rig.tokens.operator);
    const stolen = browser.cookies(origin).get('raunet-session')!;
    const { rows } = await rig.database.pool.query('SELECT * FROM raunet.admin_session');
    expect(JSON.stringify(rows)).not.toContain(stolen.slice('raunet_'.length));
    const out = await browser.fetch(`${origin}/api/session`, { method: 'DELETE', headers: JSON_BODY });
    expect(await out.json()).toEqual({ continueAt: null });
    expect(browser.cookies(origin).size).toBe(0);
    browser.cookies(origin).set('raunet-session', stolen);
    expect((await browser.fetch(`${origin}/api/series`)).status).toBe(401);
  });

  test('is signed out by the server when its time has come, whatever the cookie says', async () => {
    const { browser } = await signIn(rig.tokens.operator);
    await rig.database.pool.query("UPDATE raunet.admin_session SET expires_at = now() - interval '1 s'");
    expect((await browser.fetch(`${origin}/api/series`)).status).toBe(401);
  });

  test('is signed out when its token is revoked', async () => {
    const { token } = (await (
      await send('POST', '/api/tokens', rig.tokens.admin, { name: 'leaver', role: 'operator' })
    ).json()) as Json;
    const { browser } = await signIn(token);
    expect((await browser.fetch(`${origin}/api/series`)).status).toBe(200);
    await send('DELETE', '/api/tokens/leaver', rig.tokens.admin);
    expect((await browser.fetch(`${origin}/api/series`)).status).toBe(401);
  });

  test('never keeps a session that somebody else put into it: each sign-in makes a new one', async () => {
    const { browser } = await signIn(rig.tokens.viewer);
    const before = browser.cookies(origin).get('raunet-session')!;
    await browser.fetch(`${origin}/api/session`, {
      method: 'POST',
      headers: JSON_BODY,
      body: JSON.stringify({ token: rig.tokens.admin }),
    });
    const fixated = userAgent();
    fixated.cookies(origin).set('raunet-session', before);
    expect((await fixated.fetch(`${origin}/api/series`)).status).toBe(401);
  });
});

describe('rate limits', () => {
  test('the eleventh wrong token of an address is 429 with Retry-After; a right one still gets in', async () => {
    const statuses: number[] = [];
    for (let n = 0; n < 12; n++) statuses.push((await ask('/metrics', `raunet_guess${n}`)).status);
    expect(statuses).toEqual([...Array<number>(10).fill(401), 429, 429]);
    const late = await ask('/metrics', 'raunet_another');
    expect(Number(late.headers.get('retry-after'))).toBeGreaterThan(200);
    const signIn = await fetch(`${origin}/api/session`, {
      method: 'POST',
      headers: JSON_BODY,
      body: '{"token":"guess"}',
    });
    expect(signIn.status).toBe(429);
    expect((await ask('/metrics', rig.tokens.viewer)).status).toBe(200);
  });

  test('the 601st request of a minute is 429 with Retry-After, health excepted', async () => {
    const statuses = new Map<number, number>();
    for (let n = 0; n < 605; n++) {
      const { status } = await ask('/api/session');
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    expect([...statuses]).toEqual([
      [200, 600],
      [429, 5],
    ]);
    const late = await ask('/ready', rig.tokens.viewer);
    expect([late.status, ((await late.json()) as Json).code]).toEqual([429, 'RAUNET_TOO_MANY_REQUESTS']);
    expect(Number(late.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await ask('/health')).status).toBe(200);
  });

  test('count the client behind a trusted proxy, and believe nobody else', async () => {
    const forwarded = (port: number, client: string) =>
      fetch(`http://127.0.0.1:${port}/metrics`, {
        headers: { ...bearer('raunet_guess'), 'X-Forwarded-For': client },
      });
    const proxied = await rig.start({ authentication: 'required', trustedProxies: ['127.0.0.1'] });
    for (let n = 0; n < 11; n++) await forwarded(proxied.port, '192.0.2.7');
    expect((await forwarded(proxied.port, '192.0.2.7')).status).toBe(429);
    expect((await forwarded(proxied.port, '192.0.2.8')).status).toBe(401);
    for (let n = 0; n < 11; n++) await forwarded(admin.port, `192.0.2.${n}`);
    expect((await forwarded(admin.port, '192.0.2.99')).status).toBe(429);
  });
});

test('a host name of a stranger is answered with authentication, where it gives nothing away, and refused without', async () => {
  const open = await rig.start({ authentication: 'none' });
  const status = (port: number, path: string) =>
    new Promise<number>((resolve, reject) => {
      httpRequest({ host: '127.0.0.1', port, path, headers: { Host: 'raunet.example' } }, (response) => {
        response.resume();
        resolve(response.statusCode!);
      })
        .on('error', reject)
        .end();
    });
  expect([await status(open.port, '/api/series'), await status(admin.port, '/api/series')]).toEqual([
    403, 401,
  ]);
});

describe('the audit trail is told', () => {
  const address = '127.0.0.1';
  const since = async (work: () => Promise<unknown>) => {
    const before = rig.told.length;
    await work();
    return rig.told.slice(before);
  };
  const signIn = (browser: ReturnType<typeof userAgent>, token: string) =>
    browser.fetch(`${origin}/api/session`, {
      method: 'POST',
      headers: JSON_BODY,
      body: JSON.stringify({ token }),
    });

  test('who signs in and out, and who could not', async () => {
    const browser = userAgent();
    const events = await since(async () => {
      await signIn(browser, 'raunet_guess');
      await signIn(browser, rig.tokens.viewer);
      await browser.fetch(`${origin}/api/session`, { method: 'DELETE', headers: JSON_BODY });
      await browser.fetch(`${origin}/api/session`, { method: 'DELETE', headers: JSON_BODY });
    });
    const user = 'token the-viewer';
    expect(events).toEqual([
      { kind: 'signed in', user: null, address, failure: expect.stringMatching(/^RAUNET_UNAUTHENTICATED/) },
      { kind: 'signed in', user, address, failure: null },
      { kind: 'signed out', user, address, failure: null },
    ]);
  });

  test('of ten wrong tokens of an address in five minutes, and no more', async () => {
    const events = await since(async () => {
      for (let n = 0; n < 14; n++) await ask('/metrics', `raunet_guess${n}`);
    });
    expect(events).toEqual(
      Array(10).fill({
        kind: 'refused',
        peer: { aeTitle: '', address },
        reason: 'RAUNET_UNAUTHENTICATED',
      }),
    );
  });

  test('who asked for more than their role allows, and of another web site that tried; ten times in five minutes', async () => {
    const events = await since(async () => {
      await send('POST', `/api/series/${SERIES}/retry`, rig.tokens.viewer);
      await fetch(`${origin}/api/tokens`, {
        method: 'POST',
        headers: { ...JSON_BODY, Origin: 'https://evil.example' },
        body: '{}',
      });
      for (let n = 0; n < 14; n++) await ask('/api/tokens', rig.tokens.operator);
    });
    expect(events.slice(0, 3)).toEqual([
      {
        kind: 'denied',
        user: 'token the-viewer',
        address,
        target: `/api/series/${SERIES}/retry`,
        reason: 'RAUNET_FORBIDDEN',
      },
      { kind: 'denied', user: null, address, target: '/api/tokens', reason: 'RAUNET_REQUEST_ORIGIN' },
      expect.objectContaining({ user: 'token the-operator', target: '/api/tokens' }),
    ]);
    expect(events).toHaveLength(10);
  });
});

test('no secret stands in the log', () => {
  const logged = rig.logged();
  expect(logged).toContain('A wrong token was refused');
  expect(logged).toContain('Signed in to the admin pages');
  expect(logged).not.toMatch(/raunet_/);
});
