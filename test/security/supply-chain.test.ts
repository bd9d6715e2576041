import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// The commands that look at what the service is made of. npm itself asks a registry that is scripted here.

const folder = mkdtempSync(join(tmpdir(), 'raunet-supply-'));
afterAll(() => rmSync(folder, { recursive: true }));

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
  packages: Record<
    string,
    { version: string; license?: string; integrity?: string; dev?: boolean; optional?: boolean }
  >;
};
const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
};

async function node(
  script: string,
  args: string[],
  env = {},
): Promise<{ status: number | null; said: string }> {
  const child = spawn(process.execPath, [script, ...args], { env: { ...process.env, ...env } });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (said += String(part)));
  const status = await new Promise<number | null>((done) => child.once('close', done));
  return { status, said };
}

const written = (name: string, content: unknown): string => {
  const file = join(folder, name);
  writeFileSync(file, JSON.stringify(content));
  return file;
};

test('every package that is shipped has a version and a checksum in the lock file; every version in package.json is exact', () => {
  const shipped = Object.entries(lock.packages).filter(([path, { dev }]) => path !== '' && !dev);
  expect(shipped.length).toBeGreaterThan(100);
  expect(
    shipped.filter(([, { integrity }]) => !/^sha512-/.test(integrity ?? '')).map(([path]) => path),
  ).toEqual([]);
  const versions = [manifest.dependencies, manifest.devDependencies, manifest.optionalDependencies].flatMap(
    Object.values,
  );
  expect(versions.filter((version) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([]);
});

test('every licence is on the list; one that is not, or is unknown, is named and ends with status 1', async () => {
  expect((await node('.ci/licences.cjs', [])).status).toBe(0);
  const packages = {
    'node_modules/copyleft': { version: '1.0.0', license: 'GPL-3.0-only' },
    'node_modules/either': { version: '1.0.0', license: '(MIT OR GPL-3.0-only)' },
    'node_modules/silent': { version: '1.0.0' },
  };
  const { status, said } = await node('.ci/licences.cjs', [written('lock.json', { packages })]);
  expect(status).toBe(1);
  expect(said.match(/^not allowed: .*$/gm)).toEqual([
    'not allowed: copyleft 1.0.0: GPL-3.0-only',
    'not allowed: silent 1.0.0: unknown',
  ]);
});

test('the SBOM names every package that is shipped with its version, the model with its sha256, and nothing of development', async () => {
  const file = join(folder, 'sbom.cdx.json');
  expect((await node('.ci/sbom.cjs', [file])).status).toBe(0);
  const sbom = JSON.parse(readFileSync(file, 'utf8'));
  expect(sbom).toMatchObject({ bomFormat: 'CycloneDX', specVersion: '1.5' });
  expect(sbom.metadata.component).toMatchObject({ type: 'application', name: 'raunet-pacs' });
  const components = sbom.components as { name: string; version: string; hashes?: { content: string }[] }[];
  const named = new Set(components.map(({ name, version }) => `${name}@${version}`));
  const missing = Object.entries(lock.packages)
    .filter(([path, { dev }]) => path !== '' && !dev)
    .map(([path, { version }]) => `${path.slice(path.lastIndexOf('node_modules/') + 13)}@${version}`)
    .filter((each) => !named.has(each));
  expect(missing).toEqual([]);
  for (const name of Object.keys(manifest.devDependencies))
    expect(components.map((each) => each.name)).not.toContain(name);
  const [model] = JSON.parse(readFileSync('onnx/contract.json', 'utf8')).models;
  expect(components.find(({ name }) => name === model.name)?.hashes?.[0]?.content).toBe(model.sha256);
});

describe('npm run audit', () => {
  const url = 'https://github.com/advisories/GHSA-test-test-test';
  const advisory = { id: 1, url, title: 'It lets anyone in', severity: 'high', vulnerable_versions: '*' };
  /** advisories null: a mirror without this address. */
  async function audit(advisories: object | null, exceptions: object[] = []) {
    const registry = createServer((request, response) => {
      const asked = request.url === '/-/npm/v1/security/advisories/bulk' && advisories !== null;
      request.resume();
      response.writeHead(asked ? 200 : 404, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify(asked ? advisories : {}));
    });
    await new Promise<void>((done) => registry.listen(0, '127.0.0.1', done));
    const { port } = registry.address() as { port: number };
    const done = await node('.ci/audit.cjs', [written('exceptions.json', exceptions)], {
      npm_config_registry: `http://127.0.0.1:${port}/`,
      npm_config_cache: join(folder, 'cache'),
      npm_config_fetch_retries: '0',
    });
    registry.closeAllConnections();
    await new Promise((closed) => registry.close(closed));
    return done;
  }

  test('passes without advisories, and with low ones', async () => {
    expect(await audit({})).toMatchObject({ status: 0 });
  });

  test('fails for a high one that nobody explained, with its name and address', async () => {
    const { status, said } = await audit({ helmet: [advisory] });
    expect(status).toBe(1);
    expect(said).toContain(`high: helmet: It lets anyone in\n  ${url}`);
  });

  test('passes a high one that is explained, and says so; fails when the explanation is no longer needed', async () => {
    const reason = 'We do not call what it is about.';
    const { status, said } = await audit({ helmet: [advisory] }, [{ url, reason }]);
    expect([status, said]).toEqual([0, expect.stringContaining(`accepted: ${url}: ${reason}`)]);
    expect(await audit({}, [{ url, reason }])).toMatchObject({ status: 1 });
  });

  test('ends with status 3 and says loudly that nothing was checked where the registry does not tell', async () => {
    const { status, said } = await audit(null);
    expect([status, said]).toEqual([3, expect.stringContaining('*** NOT CHECKED')]);
  });
});
