import { readFileSync } from 'node:fs';
import Ajv2020 from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import type { Router } from 'express';
import { parse } from 'yaml';
import { createMetrics } from '../../../src/admin/metrics';
import { createAdminApp, type Admin } from '../../../src/admin/server';
import type { AdminDeps } from '../../../src/admin/server';
import { type AdminConfig, type Role, ROLES } from '../../../src/config/admin';
import { configSchema } from '../../../src/config/schema';
import type { UserStore } from '../../../src/admin/access/types';
import { hashOf } from '../../../src/lib/secret';
import { RaunetError } from '../../../src/lib/errors';
import { nobody, seriesRecord, startTestAdmin } from './service';

const openapi = parse(readFileSync('src/admin/openapi.yaml', 'utf8'));

const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats(ajv);
ajv.addSchema(openapi, 'openapi.yaml');

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];
const described = Object.entries<object>(openapi.paths).flatMap(([path, operations]) =>
  Object.keys(operations)
    .filter((key) => METHODS.includes(key))
    .map((method) => `${method} ${path}`),
);

/** A provider that does not answer: what a real one does is tested in test/security. */
const withSignIn: AdminConfig = {
  ...configSchema.parse({}).admin,
  port: 0,
  authentication: 'required',
  publicUrl: 'http://127.0.0.1',
  oidc: {
    issuer: 'http://127.0.0.1:1/',
    clientId: 'raunet',
    scope: 'openid',
    roleClaim: 'groups',
    roles: { viewer: [], operator: [], admin: ['pacs'] },
  },
};
const SECRET = 'raunet_of_the_tests';
const users: UserStore = {
  ...nobody,
  tokens: () =>
    Promise.resolve(
      ROLES.map((role) => ({
        name: role,
        role,
        sha256: hashOf(`${SECRET}_${role}`),
        createdAt: new Date(),
        expiresAt: null,
      })),
    ),
  removeToken: (name) => Promise.resolve(name === 'old'),
};

interface Layer {
  route?: { path: string; stack: { method: string }[] };
  handle: Router | { stack?: Layer[] };
}

/** Every route of an express application, mounted routers included. */
function routesOf(stack: Layer[]): string[] {
  return stack.flatMap(({ route, handle }) =>
    route
      ? route.stack.map(({ method }) => `${method} ${route.path.replace(/:(\w+)/g, '{$1}')}`)
      : 'stack' in handle && handle.stack
        ? routesOf(handle.stack as Layer[])
        : [],
  );
}

test('every route of the code stands in openapi.yaml, and nothing else does', () => {
  const app = createAdminApp({ config: withSignIn, metrics: createMetrics(), series: {} } as Parameters<
    typeof createAdminApp
  >[0]);
  const inCode = routesOf((app.router as unknown as { stack: Layer[] }).stack);
  expect([...new Set(inCode)].sort()).toEqual([...described].sort());
});

test('openapi.yaml names every state and priority that the code knows', () => {
  const { State, Priority } = openapi.components.schemas;
  const code = readFileSync('src/records/types.ts', 'utf8') + readFileSync('src/lib/stages.ts', 'utf8');
  for (const state of State.enum) expect(code).toContain(`'${state}'`);
  expect(Priority.enum).toEqual(['stat', 'urgent', 'routine']);
});

describe('answers are as openapi.yaml says', () => {
  let admin: Admin;
  const answers: string[] = [];

  beforeAll(async () => {
    const series = [
      seriesRecord(1),
      seriesRecord(2, {
        state: 'refused',
        code: 'RAUNET_NOT_CHEST',
        reason: 'No lung was found.',
        expectedInstances: null,
      }),
      seriesRecord(3, { state: 'inference', progress: 0.5, finishedAt: null }),
    ];
    admin = await startTestAdmin(series, { config: withSignIn, users });
  });
  afterAll(async () => {
    await admin.close();
    // What is described and was never asked for proves nothing.
    expect([...new Set(answers)].sort()).toEqual([...described].sort());
  });

  test.each<[string, string, string, number, object | undefined, string?]>([
    ['get', '/health', '/health', 200, undefined, 'nobody'],
    ['get', '/ready', '/ready', 200, undefined],
    ['get', '/ready', '/ready', 200, undefined, 'nobody'],
    ['get', '/metrics', '/metrics', 200, undefined],
    ['get', '/openapi.yaml', '/openapi.yaml', 200, undefined, 'nobody'],
    ['get', '/api/summary', '/api/summary', 200, undefined],
    ['get', '/api/series', '/api/series?limit=2', 200, undefined],
    ['get', '/api/series', '/api/series?state=refused,done', 200, undefined],
    ['get', '/api/series', '/api/series?limit=-1', 400, undefined],
    ['get', '/api/series/{uid}', '/api/series/1.2.3.1', 200, undefined],
    ['get', '/api/series/{uid}', '/api/series/1.2.3.99', 404, undefined],
    ['post', '/api/series/{uid}/retry', '/api/series/1.2.3.2/retry', 200, {}],
    ['post', '/api/series/{uid}/retry', '/api/series/1.2.3.99/retry', 404, {}],
    ['post', '/api/series/{uid}/cancel', '/api/series/1.2.3.3/cancel', 200, {}],
    ['post', '/api/series/{uid}/cancel', '/api/series/1.2.3.1/cancel', 409, {}],
    ['post', '/api/series/{uid}/priority', '/api/series/1.2.3.3/priority', 200, { priority: 'urgent' }],
    ['post', '/api/series/{uid}/priority', '/api/series/1.2.3.3/priority', 400, { priority: 'later' }],
    ['get', '/api/session', '/api/session', 200, undefined],
    ['get', '/api/session', '/api/session', 200, undefined, 'nobody'],
    ['post', '/api/session', '/api/session', 200, { token: `${SECRET}_viewer` }, 'nobody'],
    ['post', '/api/session', '/api/session', 401, { token: 'guessed' }, 'nobody'],
    ['delete', '/api/session', '/api/session', 200, {}],
    ['get', '/login', '/login', 303, undefined, 'nobody'],
    ['get', '/login/callback', '/login/callback?code=1&state=2', 303, undefined, 'nobody'],
    ['get', '/api/tokens', '/api/tokens', 200, undefined],
    ['post', '/api/tokens', '/api/tokens', 201, { name: 'grafana', role: 'viewer', days: 30 }],
    ['post', '/api/tokens', '/api/tokens', 400, { name: 'Grafana', role: 'viewer' }],
    ['delete', '/api/tokens/{name}', '/api/tokens/old', 200, {}],
    ['delete', '/api/tokens/{name}', '/api/tokens/unknown', 404, {}],
  ])('%s %s: %s is %i', async (method, path, asked, status, body, who = 'admin') => {
    answers.push(`${method} ${path}`);
    const response = await ask(method, asked, who, body);
    expect(response.status).toBe(status);
    expectDescribed(method, path, response, await response.text());
  });

  const ask = (method: string, path: string, who: string, body?: object): Promise<Response> =>
    fetch(`http://127.0.0.1:${admin.port}${path}`, {
      method: method.toUpperCase(),
      redirect: 'manual',
      headers: {
        ...(who !== 'nobody' && { Authorization: `Bearer ${SECRET}_${who}` }),
        ...(body && { 'Content-Type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });

  const guarded = Object.entries<Record<string, { 'x-role'?: string }>>(openapi.paths).flatMap(
    ([path, operations]) =>
      Object.entries(operations).flatMap(([method, { 'x-role': role }]) =>
        role === undefined ? [] : [[method, path, role] as const],
      ),
  );
  test.each(guarded)('%s %s is for the role %s and those above it only', async (method, path, needed) => {
    const asked = path.replace('{uid}', '1.2.3.1').replace('{name}', 'unknown');
    const body = method === 'get' ? undefined : {};
    for (const who of ['nobody', ...ROLES]) {
      const response = await ask(method, asked, who, body);
      const allowed = who !== 'nobody' && ROLES.indexOf(who as Role) >= ROLES.indexOf(needed as Role);
      const refusal = who === 'nobody' ? 401 : 403;
      expect([who, [401, 403].includes(response.status)]).toEqual([who, !allowed]);
      if (!allowed) expect([who, response.status]).toEqual([who, refusal]);
      expectDescribed(method, path, response, await response.text());
    }
  });

  test('every operation says which role it needs, or that it is open', () => {
    for (const [path, operations] of Object.entries<
      Record<string, { 'x-role'?: string; security?: unknown }>
    >(openapi.paths))
      for (const method of METHODS.filter((each) => each in operations)) {
        const { 'x-role': role, security } = operations[method]!;
        expect([method, path, role !== undefined, security !== undefined]).toEqual([
          method,
          path,
          security === undefined,
          role === undefined,
        ]);
      }
  });

  test('a failure of the service is a problem too', async () => {
    const series = { list: () => Promise.reject(new RaunetError('RAUNET_DATABASE')) };
    const broken = await startTestAdmin([], { series: series as unknown as AdminDeps['series'] });
    const response = await fetch(`http://127.0.0.1:${broken.port}/api/series`);
    expect(response.status).toBe(503);
    expectDescribed('get', '/api/series', response, await response.text());
    await broken.close();
  });
});

/** The answer has a status, a content type and a body that its operation describes. */
function expectDescribed(method: string, path: string, response: Response, text: string): void {
  const { responses } = openapi.paths[path][method];
  const key = String(response.status) in responses ? String(response.status) : 'default';
  const found = responses[key];
  const answer = found.$ref ? openapi.components.responses[found.$ref.split('/').at(-1)] : found;
  if (answer.content === undefined) return;
  const type = response.headers.get('content-type')!.split(';')[0]!;
  expect(Object.keys(answer.content)).toContain(type);
  if (!type.endsWith('json')) return;
  const { schema } = answer.content[type];
  const validate = ajv.compile({ $ref: `openapi.yaml${schema.$ref}` });
  validate(JSON.parse(text));
  expect(validate.errors).toBeNull();
}
