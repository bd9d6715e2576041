import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { doctor, type DoctorDeps, echoCommand } from '../../../src/cli/doctor';
import { doctorDeps } from '../../../src/cli/doctor-deps';
import { isPortFree, probeDataFolder } from '../../../src/cli/probes';
import { configSchema } from '../../../src/config/schema';
import { RaunetError } from '../../../src/lib/errors';

const config = configSchema.parse({
  delivery: { destinations: [{ name: 'pacs', aeTitle: 'PACS', host: 'pacs.example', port: 104 }] },
});
const closed: string[] = [];
const healthy: Omit<DoctorDeps, 'print'> = {
  config,
  nodeVersion: 'v20.20.0',
  now: () => new Date('2026-11-23T12:00:00Z'),
  openInference: () =>
    Promise.resolve({
      model: { name: 'raunet', version: '1.0.0', sha256: 'ab'.repeat(32) },
      findings: [
        { provider: 'cuda', taken: false, reason: 'libraries not found by ldd: libcudart.so.13' },
        { provider: 'cpu', taken: true, reason: '87 ms a slice' },
      ],
      close: () => Promise.resolve(void closed.push('inference')),
    }),
  openDatabase: () =>
    Promise.resolve({
      version: 'PostgreSQL 18.4',
      stop: () => Promise.resolve(void closed.push('database')),
    }),
  echo: () => Promise.resolve(4.2),
  probeDataFolder: () =>
    Promise.resolve({ folder: 'data', mode: 0o700, durableWriteMs: 1.2, freeBytes: 48.2e9, skewMs: 0 }),
  isPortFree: () => Promise.resolve(true),
  isClockSynchronised: () => Promise.resolve(true),
};

async function ask(more: Partial<DoctorDeps> = {}) {
  const lines: string[] = [];
  const code = await doctor({ ...healthy, print: (line) => void lines.push(line), ...more });
  return { code, lines, bad: lines.filter((line) => line.startsWith('[NG]')) };
}

beforeEach(() => closed.splice(0));

test('a healthy machine: one line for each part, exit code 0, nothing left open', async () => {
  const { code, lines } = await ask();
  expect(code).toBe(0);
  expect(lines.map((line) => line.split(':')[0])).toEqual([
    '[OK] node',
    '[OK] model',
    '[--] provider cuda',
    '[OK] provider cpu',
    '[OK] data folder',
    '[OK] durable write',
    '[OK] disk',
    '[OK] database',
    '[OK] DICOM port',
    '[OK] admin port',
    '[OK] destination pacs',
    '[OK] clock',
    'All 11 checks passed.',
  ]);
  expect(closed.sort()).toEqual(['database', 'inference']);
});

test('a data folder that others may only search is closed enough: the database of a service of root lives below it', async () => {
  const probeDataFolder = async () => ({ ...(await healthy.probeDataFolder())!, mode: 0o711 });
  expect((await ask({ probeDataFolder })).bad).toEqual([]);
});

test.each<[string, Partial<DoctorDeps>, RegExp]>([
  ['an old Node', { nodeVersion: 'v18.20.1' }, /node: v18.20.1.*install 20.19/],
  [
    'a wrong model',
    { openInference: () => Promise.reject(new RaunetError('RAUNET_MODEL', { detail: 'sha256 differs' })) },
    /model: RAUNET_MODEL: .*sha256 differs/,
  ],
  [
    'an open data folder',
    { probeDataFolder: async () => ({ ...(await healthy.probeDataFolder())!, mode: 0o755 }) },
    /chmod go-rw data/,
  ],
  [
    'a slow disk',
    { probeDataFolder: async () => ({ ...(await healthy.probeDataFolder())!, durableWriteMs: 480 }) },
    /durable write: 480.0 ms.*local disk/,
  ],
  [
    'a full disk',
    { probeDataFolder: async () => ({ ...(await healthy.probeDataFolder())!, freeBytes: 1e9 }) },
    /disk: 1.0 GB free.*free some space/,
  ],
  [
    'a database that does not start',
    {
      openDatabase: () => Promise.reject(new RaunetError('RAUNET_DATABASE_SETUP', { detail: 'no locale' })),
    },
    /database: RAUNET_DATABASE_SETUP.*no locale/,
  ],
  [
    'a destination that is down',
    { echo: () => Promise.reject(new RaunetError('RAUNET_DESTINATION_DOWN', { destination: 'pacs' })) },
    /destination pacs: RAUNET_DESTINATION_DOWN/,
  ],
  [
    'a DICOM port that cannot be opened',
    {
      isPortFree: async (_, port) => {
        if (port === config.association.port) throw new RaunetError('RAUNET_LISTEN', { detail: 'EACCES' });
        return true;
      },
    },
    /DICOM port: RAUNET_LISTEN: .*EACCES/,
  ],
  ['a clock nobody sets', { isClockSynchronised: () => Promise.resolve(false) }, /clock:.*not synchronised/],
  [
    'a share with another clock',
    { probeDataFolder: async () => ({ ...(await healthy.probeDataFolder())!, skewMs: -60_000 }) },
    /clock:.*-60 s off/,
  ],
])('%s is one [NG] line, exit code 1, and the rest is still looked at', async (_, more, line) => {
  const { code, lines, bad } = await ask(more);
  expect(code).toBe(1);
  expect(bad).toHaveLength(1);
  expect(bad[0]).toMatch(line);
  expect(lines.some((line) => line.includes('admin port'))).toBe(true);
  expect(lines.some((line) => line.includes('clock'))).toBe(true);
  expect(lines.at(-1)).toMatch(/^1 of \d+ checks failed\.$/);
});

test('a service that runs already is no failure: neither its database nor its ports', async () => {
  const { code, lines } = await ask({
    openDatabase: () => Promise.reject(new RaunetError('RAUNET_DATA_FOLDER_BUSY')),
    isPortFree: () => Promise.resolve(false),
  });
  expect(code).toBe(0);
  expect(lines).toContain('[OK] database: a running service uses it');
});

test('before the first start: data folder and database are not there yet, neither good nor bad, and nothing is made', async () => {
  const parent = mkdtempSync(join(tmpdir(), 'raunet-doctor-'));
  const dataDir = join(parent, 'data');
  const fresh = { ...config, dataDir };
  const real = doctorDeps(fresh, () => {});
  const { openDatabase, probeDataFolder } = real;
  const { code, lines } = await ask({ config: fresh, openDatabase, probeDataFolder });
  expect(code).toBe(0);
  expect(lines).toContain(`[--] data folder: ${dataDir} is not there yet; the first start makes it`);
  expect(lines).toContainEqual(
    expect.stringMatching(
      /^\[--\] database: none yet; the first start makes it, with the embedded PostgreSQL 18/,
    ),
  );
  expect(readdirSync(parent)).toEqual([]);
  rmSync(parent, { recursive: true });
});

describe('raunet echo', () => {
  const run = async (name: string, echo: DoctorDeps['echo']) => {
    const lines: string[] = [];
    return { code: await echoCommand(name, { config, echo, print: (line) => void lines.push(line) }), lines };
  };

  test('says how long it took', async () => {
    expect(await run('pacs', () => Promise.resolve(4.2))).toEqual({
      code: 0,
      lines: ['PACS at pacs.example:104 answered C-ECHO in 4 ms'],
    });
  });

  test('of a name that is not configured lists those that are: wrong usage', async () => {
    const { code, lines } = await run('nobody', () => Promise.resolve(1));
    expect(code).toBe(2);
    expect(lines[0]).toContain('The configuration has: pacs.');
  });

  test('without an answer is a failure with its code', async () => {
    const { code, lines } = await run('pacs', () =>
      Promise.reject(new RaunetError('RAUNET_DESTINATION_DOWN')),
    );
    expect(code).toBe(1);
    expect(lines[0]).toMatch(/^RAUNET_DESTINATION_DOWN/);
  });
});

describe('probes', () => {
  test('a data folder is written to and left clean; one that is not there is not made', async () => {
    const parent = mkdtempSync(join(tmpdir(), 'raunet-doctor-'));
    const folder = join(parent, 'data');
    expect(await probeDataFolder(folder)).toBe(null);
    expect(existsSync(folder)).toBe(false);
    mkdirSync(folder, { mode: 0o700 });
    const probe = (await probeDataFolder(folder))!;
    expect(probe.mode).toBe(0o700);
    expect(probe.durableWriteMs).toBeGreaterThan(0);
    expect(probe.freeBytes).toBeGreaterThan(0);
    expect(Math.abs(probe.skewMs)).toBeLessThan(5000);
    expect(readdirSync(folder)).toEqual([]);
    chmodSync(folder, 0o755);
    expect((await probeDataFolder(folder))!.mode).toBe(0o755);
    rmSync(parent, { recursive: true });
  });

  test('a port in use is not free, and asking leaves it as it was', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((done) => server.once('listening', done));
    const { port } = server.address() as AddressInfo;
    expect(await isPortFree('127.0.0.1', port)).toBe(false);
    await new Promise((done) => server.close(done));
    expect(await isPortFree('127.0.0.1', port)).toBe(true);
    expect(await isPortFree('127.0.0.1', port)).toBe(true);
  });

  test('an address that is not ours is said as the service says it, not as a fault of the program', async () => {
    // RFC 5737: no machine's.
    await expect(isPortFree('192.0.2.1', 11112)).rejects.toMatchObject({
      code: 'RAUNET_LISTEN',
      message: expect.stringContaining('192.0.2.1:11112, EADDRNOTAVAIL'),
    });
  });
});

test('a process that only delivers is asked for no model and no DICOM port', async () => {
  const { lines } = await ask({ config: configSchema.parse({ ...config, roles: ['deliver'] }) });
  expect(lines.filter((line) => /model|provider|DICOM port/.test(line))).toEqual([]);
  expect(lines.join()).toContain('destination pacs');
});
