import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import type { Admin } from '../../src/admin/server';
import { takeTokenChanges, type TokenChange } from '../../src/records/users';
import { type AdminRig, startAdminRig } from '../fixtures/admin';
import { until } from '../fixtures/until';

// `raunet token` beside a running service, which holds the embedded database.

let rig: AdminRig;
let admin: Admin;
let configuration: string;

beforeAll(async () => {
  rig = await startAdminRig();
  admin = await rig.start({ authentication: 'required' });
  configuration = join(rig.database.dataDir, 'raunet.yaml');
  writeFileSync(configuration, JSON.stringify({ dataDir: rig.database.dataDir }));
});
afterAll(() => rig?.stop());

async function token(...given: string[]): Promise<{ status: number | null; lines: string[] }> {
  const environment = Object.entries(process.env).filter(([name]) => !name.startsWith('RAUNET_'));
  const child = spawn(process.execPath, ['dist/main.js', 'token', ...given, '--config', configuration], {
    env: Object.fromEntries(environment),
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (text += String(part)));
  const status = await new Promise<number | null>((done) => child.once('close', done));
  return { status, lines: text.trim().split('\n') };
}

const statusOf = async (secret: string): Promise<number> =>
  (await fetch(`http://127.0.0.1:${admin.port}/metrics`, { headers: { Authorization: `Bearer ${secret}` } }))
    .status;

test('create shows the token once and the running service takes it; list has no secret; revoke ends it', async () => {
  const made = await token('create', '--name', 'prometheus', '--role', 'viewer', '--days', '90');
  expect(made.status).toBe(0);
  const secret = made.lines.at(-1)!;
  expect(secret).toMatch(/^raunet_[\w-]{43}$/);
  await until('the service takes it', async () => (await statusOf(secret)) === 200, 5);

  const listed = (await token('list')).lines.join('\n');
  expect(listed).toMatch(/prometheus +viewer +20/);
  expect(listed).not.toMatch(/raunet_|[0-9a-f]{64}/);

  expect((await token('revoke', 'prometheus')).status).toBe(0);
  await until('the service refuses it', async () => (await statusOf(secret)) !== 200, 5);
}, 60_000);

test('each change is told to the audit trail once, with who had the shell, and not before it stands there', async () => {
  const take = async (): Promise<TokenChange[]> => {
    const taken: TokenChange[] = [];
    await takeTokenChanges(rig.database.pool, async (changes) => void taken.push(...changes));
    return taken;
  };
  await take();
  const before = new Date();
  await token('create', '--name', 'grafana', '--role', 'operator');
  await token('create', '--name', 'grafana', '--role', 'admin');
  await token('revoke', 'grafana');
  await token('revoke', 'grafana');
  const full = takeTokenChanges(rig.database.pool, () => Promise.reject(new Error('disk full')));
  await expect(full).rejects.toThrow('disk full');
  const told = await take();
  const who = { actor: `${userInfo().username} by raunet token`, address: hostname() };
  expect(told).toMatchObject([
    { name: 'grafana', role: 'operator', action: 'created', ...who },
    { name: 'grafana', role: 'operator', action: 'revoked', ...who },
  ]);
  for (const { at } of told) expect(at.getTime()).toBeGreaterThanOrEqual(before.getTime());
  expect(await take()).toEqual([]);
}, 60_000);

test('a role that does not exist, a name that is taken, one that is not there: the exit code and a sentence', async () => {
  const wrong = await token('create', '--name', 'x', '--role', 'root');
  expect([wrong.status, wrong.lines[0]]).toEqual([2, expect.stringContaining('--role')]);
  const taken = await token('create', '--name', 'the-viewer', '--role', 'admin');
  expect([taken.status, taken.lines[0]]).toEqual([1, expect.stringContaining('RAUNET_TOKEN_NAME')]);
  expect((await token('revoke', 'nobody')).status).toBe(1);
}, 60_000);
