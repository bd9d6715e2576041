import { createHash, randomUUID } from 'node:crypto';
import { link, open, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config/schema';
import type { Inference } from '../inference/types';
import { SERVICE_VERSION } from '../lib/package';
import { derivedUid } from '../lib/uid';
import type { Producer } from '../result/types';
import { createFolder, FILE_MODE, syncFolder, writeAll } from '../spool/durable';

/**
 * Stable identity of this installation: made once, kept in the data folder (DeviceSerialNumber of the results), the same
 * for all services on one data folder. A file without one (what a power cut leaves of a write nobody synced) is replaced.
 * `id`: what it is to be where there is none.
 */
export async function installationId(dataDir: string, id: string = randomUUID()): Promise<string> {
  const file = join(dataDir, 'install.json');
  const known = await read(file);
  if (known) return known;
  await createFolder(dataDir);
  const part = `${file}.${randomUUID()}.part`;
  const handle = await open(part, 'wx', FILE_MODE);
  try {
    await writeAll(handle, [Buffer.from(JSON.stringify({ installId: id }))]);
    await handle.sync();
    if (known === '') await unlink(file).catch(unless('ENOENT'));
    // Where another service was quicker, its identity stays.
    await link(part, file).catch(unless('EEXIST'));
    await syncFolder(dataDir);
  } finally {
    await handle.close();
    await unlink(part);
  }
  return (await read(file))!;
}

/** Null where the data folder has none yet. */
export const knownInstallationId = async (dataDir: string): Promise<string | null> =>
  (await read(join(dataDir, 'install.json'))) || null;

/** Empty where the file says nothing; undefined where it is not there. */
async function read(file: string): Promise<string | undefined> {
  const text = await readFile(file, 'utf8').catch(unless('ENOENT'));
  return text === undefined ? undefined : (/"installId": *"([^"]+)"/.exec(text)?.[1] ?? '');
}

const unless =
  (code: string) =>
  (error: NodeJS.ErrnoException): undefined => {
    if (error.code !== code) throw error;
  };

/** Who makes the results: installation, service, model, and the part of the configuration that changes them. */
export function producerOf(installId: string, config: Config, inference: Inference): Producer {
  return {
    installId,
    deviceUid: derivedUid('device', installId),
    serviceVersion: SERVICE_VERSION,
    model: inference.model,
    provider: inference.provider,
    configHash: createHash('sha256').update(JSON.stringify(config.result)).digest('hex'),
  };
}
