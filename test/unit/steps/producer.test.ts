import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installationId } from '../../../src/steps/installation';

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'raunet-install-'));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

test('made once, the same at every start and for services that start at the same time', async () => {
  const ids = await Promise.all([1, 2, 3, 4].map(() => installationId(dataDir)));
  expect(new Set([...ids, await installationId(dataDir)]).size).toBe(1);
  expect(await readdir(dataDir)).toEqual(['install.json']);
});

// test/faults/power-cut.test.ts: the service did not start any more.
test.each(['', '\0\0\0\0', '{"installId"'])(
  'a file that a power cut left as %j is replaced',
  async (left) => {
    await writeFile(join(dataDir, 'install.json'), left);
    const id = await installationId(dataDir);
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(await installationId(dataDir)).toBe(id);
  },
);
