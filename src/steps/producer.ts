import { createHash } from 'node:crypto';
import type { Config } from '../config/schema';
import type { Inference } from '../inference/types';
import { SERVICE_VERSION } from '../lib/package';
import { derivedUid } from '../lib/uid';
import type { Producer } from '../result/types';

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
