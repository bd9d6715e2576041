import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Provider } from './types';

const INSTALL = 'ONNXRUNTIME_NODE_INSTALL=1 node node_modules/onnxruntime-node/script/install.js';

/** Where the native files of onnxruntime-node lie for this platform; the package is found, not loaded. */
export const binaryFolder = (): string =>
  join(dirname(require.resolve('onnxruntime-node')), `../bin/napi-v6/${process.platform}/${process.arch}`);

/**
 * What keeps a provider from being loaded, as far as its files tell; null where nothing is seen.
 * The runtime's own listSupportedBackends() names cuda even where its files are missing, so it is not asked.
 */
export async function providerFileProblem(
  provider: Provider,
  folder = binaryFolder(),
): Promise<string | null> {
  if (!existsSync(join(folder, 'onnxruntime_binding.node'))) {
    return `onnxruntime-node has no files for ${process.platform} ${process.arch}`;
  }
  if (provider === 'cpu' || provider === 'webgpu') return null;
  const needed = ['shared', provider].map((part) => `libonnxruntime_providers_${part}.so`);
  const missing = needed.filter((file) => !existsSync(join(folder, file)));
  if (missing.length > 0) return `${missing.join(' and ')} not installed; install with: ${INSTALL}`;
  const unresolved = await unresolvedLibraries(join(folder, needed[1]!));
  return unresolved.length === 0 ? null : `libraries not found by ldd: ${unresolved.join(', ')}`;
}

async function unresolvedLibraries(file: string): Promise<string[]> {
  try {
    const { stdout } = await promisify(execFile)('ldd', [file]);
    return stdout.split('\n').flatMap((line) => /^\s*(\S+) => not found/.exec(line)?.[1] ?? []);
  } catch {
    return []; // no ldd here: loading will tell
  }
}
