import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { loadModel } from '../../../src/inference/contract';
import { CLASSES } from '../../../src/inference/types';
import { CONTRACT } from './service';

/** The contract is edited as a plain tree. */
type Tree = any;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'raunet-contract-'));
  cpSync(dirname(CONTRACT), folder, { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A copy of the contract, changed. */
function changed(change: (contract: Tree) => void): string {
  const file = join(folder, 'contract.json');
  const contract: Tree = JSON.parse(readFileSync(file, 'utf8'));
  change(contract);
  writeFileSync(file, JSON.stringify(contract));
  return file;
}

test('the default model comes with its identity, its preprocessing and its self-check', async () => {
  const model = await loadModel(CONTRACT);
  expect(model.identity).toEqual({
    name: 'tiny',
    version: '0.0.1',
    sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  expect(model.preprocessing).toMatchObject({
    windowHu: [-1250, 250],
    size: 16,
    lungBox: { tissueHu: -400 },
  });
  expect([...model.selfCheck.image.slice(0, 2)]).toEqual([0, Math.fround(1 / 255)]);
  expect(model.selfCheck.mask).toHaveLength(256);
});

test.each([
  ['altered', /tiny\.onnx is not the file that .* names: sha256/],
  ['absent', /absent\.onnx cannot be read/],
  ['unknown', /has no model unknown, only tiny, half-size/],
])('model "%s" is refused with RAUNET_MODEL and the reason', async (name, reason) => {
  await expect(loadModel(CONTRACT, name)).rejects.toMatchObject({
    code: 'RAUNET_MODEL',
    message: expect.stringMatching(reason),
  });
});

test.each<[string, (contract: Tree) => void, RegExp]>([
  ['another class order', (c) => c.classes.reverse(), /classes\.0/],
  ['a class more', (c) => c.classes.push('tumour'), /classes/],
  ['another resize', (c) => (c.preprocessing.resize = 'bicubic'), /preprocessing\.resize/],
  ['a preprocessing step that we do not do', (c) => (c.preprocessing.denoise = true), /denoise/],
  ['a window upside down', (c) => (c.preprocessing.huWindow = [250, -1250]), /ascend/],
  ['an input that is not square', (c) => (c.input.shape[3] = 32), /squares/],
  ['another schema version', (c) => (c.schemaVersion = 2), /schemaVersion/],
  ['no golden mask', (c) => delete c.golden.masks.tiny, /no golden mask/],
  ['no default', (c) => (c.models[0].default = false), /no default model/],
])('a contract with %s is refused with RAUNET_MODEL', async (_, change, reason) => {
  await expect(loadModel(changed(change))).rejects.toMatchObject({
    code: 'RAUNET_MODEL',
    message: expect.stringMatching(reason),
  });
});

test('a self-check that is damaged or of another size is refused', async () => {
  const image = join(folder, 'selfcheck/image.u8.gz');
  writeFileSync(image, 'not gzip');
  await expect(loadModel(join(folder, 'contract.json'))).rejects.toThrow(/image\.u8\.gz is damaged/);
  const { gzipSync } = await import('node:zlib');
  writeFileSync(image, gzipSync(Buffer.alloc(7)));
  await expect(loadModel(join(folder, 'contract.json'))).rejects.toThrow(/has 7 pixels, not 256/);
});

test('a contract that is missing or no JSON is refused by name', async () => {
  await expect(loadModel(join(folder, 'none.json'))).rejects.toThrow(/none\.json cannot be read/);
  writeFileSync(join(folder, 'contract.json'), '{');
  await expect(loadModel(join(folder, 'contract.json'))).rejects.toThrow(/is not JSON/);
});

test('the class order is that of SEG segments and training labels', () => {
  expect(CLASSES).toEqual(['background', 'ground-glass opacity', 'consolidation', 'pleural effusion']);
});
