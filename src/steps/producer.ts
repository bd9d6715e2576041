import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config/schema';
import type { Inference } from '../inference/types';
import { SERVICE_VERSION } from '../lib/package';
import { derivedUid } from '../lib/uid';
import type { Producer } from '../result/types';

/** Stable identity of this installation: made once, kept in the data folder (DeviceSerialNumber of the results). */
export function installationId(dataDir: string): string {
  const file = join(dataDir, 'install.json');
  if (!existsSync(file)) {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    writeFileSync(file, JSON.stringify({ installId: randomUUID() }), { mode: 0o600 });
  }
  return (JSON.parse(readFileSync(file, 'utf8')) as { installId: string }).installId;
}

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
