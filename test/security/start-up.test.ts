import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '../fixtures/postgres';

// What the service refuses to start with, as the administrator sees it.

const folder = mkdtempSync(join(tmpdir(), 'raunet-start-up-'));
afterAll(() => rmSync(folder, { recursive: true }));

function serve(configuration: string, more: NodeJS.ProcessEnv = {}): { status: number | null; said: string } {
  const file = join(folder, 'raunet.yaml');
  writeFileSync(file, configuration);
  const environment = Object.entries(process.env).filter(([name]) => !name.startsWith('RAUNET_'));
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['dist/main.js', 'serve', '--config', file],
    { env: { ...Object.fromEntries(environment), ...more }, encoding: 'utf8', timeout: 50_000 },
  );
  return { status, said: stdout + stderr };
}

test('admin pages on another address than loopback without authentication: status 2, the code, and the line', () => {
  const { status, said } = serve('# ours\nadmin:\n  port: 0\n  host: 0.0.0.0\n');
  expect(status).toBe(2);
  expect(said).toContain('RAUNET_CONFIG');
  expect(said).toContain('line 4, admin.host: ');
});

test('a DICOM port on another address than loopback without an allow-list: status 2, the code, and the line', () => {
  const { status, said } = serve('association:\n  host: 0.0.0.0\n');
  expect(status).toBe(2);
  expect(said).toContain('RAUNET_CONFIG');
  expect(said).toContain('line 2, association.host: ');
});

test('a database that refuses our password is told with its code and without the password', async () => {
  const postgres = await startPostgres({ user: 'raunet', password: 'right', database: 'raunet' });
  try {
    const url = `postgres://raunet:Geheim-QX-77@127.0.0.1:${postgres.port}/raunet`;
    const { status, said } = serve(
      `dataDir: ${join(folder, 'data')}\nlog: {level: debug}\nadmin: {port: 0}\n`,
      {
        DATABASE_URL: url,
      },
    );
    expect(status).toBe(1);
    expect(said).toContain('RAUNET_DATABASE');
    expect(said).toContain('password authentication failed');
    expect(said).not.toContain('Geheim');
  } finally {
    await postgres.stop();
  }
}, 60_000);

test('a spool of another installation, as where the wrong file system is mounted: the code and the folder', async () => {
  const postgres = await startPostgres({ user: 'raunet', password: 'right', database: 'raunet' });
  try {
    const dataDir = join(folder, 'foreign');
    mkdirSync(join(dataDir, 'spool'), { recursive: true });
    writeFileSync(join(dataDir, 'install.json'), '{"installId":"ours","marksFolders":true}');
    writeFileSync(join(dataDir, 'spool', 'install.json'), '{"installId":"another"}');
    const { status, said } = serve(`dataDir: ${dataDir}\nroles: [deliver, admin]\nadmin: {port: 0}\n`, {
      DATABASE_URL: `postgres://raunet:right@127.0.0.1:${postgres.port}/raunet`,
    });
    expect(status).toBe(1);
    expect(said).toContain('RAUNET_FOLDER_FOREIGN');
    expect(said).toContain(`${join(dataDir, 'spool')} is of installation another`);
  } finally {
    await postgres.stop();
  }
}, 60_000);
