import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allottedCores } from '../../../src/inference/cores';
import { binaryFolder, providerFileProblem } from '../../../src/inference/provider-files';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'raunet-providers-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('the files that npm ci installs serve cpu and webgpu', async () => {
  expect(await providerFileProblem('cpu')).toBeNull();
  expect(await providerFileProblem('webgpu')).toBeNull();
});

test('a platform without files is named', async () => {
  expect(await providerFileProblem('cpu', folder)).toContain(`no files for ${process.platform}`);
});

test('missing CUDA files are named with the command that installs them', async () => {
  writeFileSync(join(folder, 'onnxruntime_binding.node'), '');
  writeFileSync(join(folder, 'libonnxruntime_providers_shared.so'), '');
  const problem = await providerFileProblem('cuda', folder);
  expect(problem).toMatch(
    /^libonnxruntime_providers_cuda\.so not installed; install with: ONNXRUNTIME_NODE_INSTALL=1/,
  );
  expect(problem).not.toContain('providers_shared');
});

(process.platform === 'linux' ? test : test.skip)('libraries that ldd does not find are named', async () => {
  writeFileSync(join(folder, 'onnxruntime_binding.node'), '');
  writeFileSync(join(folder, 'libonnxruntime_providers_shared.so'), '');
  // The binding needs libonnxruntime.so.1 beside itself, which is not here.
  const library = join(folder, 'libonnxruntime_providers_cuda.so');
  copyFileSync(join(binaryFolder(), 'onnxruntime_binding.node'), library);
  chmodSync(library, 0o755);
  expect(await providerFileProblem('cuda', folder)).toBe('libraries not found by ldd: libonnxruntime.so.1');
});

describe('cores allotted', () => {
  const cores = (cpuMax: string) => {
    writeFileSync(join(folder, 'cpu.max'), cpuMax);
    return allottedCores(join(folder, 'cpu.max'));
  };
  const all = allottedCores(join(folder ?? '/', 'none'));

  test('a container quota counts, rounded up; without one all cores do', () => {
    expect(cores('50000 100000\n')).toBe(1);
    expect(cores('max 100000\n')).toBe(all);
    expect(cores('99900000 100000\n')).toBe(all);
  });
});
