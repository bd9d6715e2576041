import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { Part } from '../admin/types';
import type { AuditTrail } from '../audit/open';
import type { Listener } from '../association/types';
import type { Config } from '../config/schema';
import type { Inference } from '../inference/types';
import { systemClock } from '../lib/clock';
import { toRaunetError } from '../lib/errors';
import type { DiskWatermark } from '../maintenance/disk-watermark';
import type { EchoMonitor } from '../maintenance/echo-monitor';
import { type CertificateFinding, certificateFindings } from './certificates';

export interface ReadinessDeps {
  config: Config;
  pool: Pool;
  /** Null where this process has no such role. */
  inference: Inference | null;
  disk: DiskWatermark;
  echoes: EchoMonitor;
  listener: Listener | null;
  auditTrail: Pick<AuditTrail, 'failures'>;
}

/** What /ready tells of each part. */
export async function readiness({
  config,
  pool,
  inference,
  disk,
  echoes,
  listener,
  auditTrail,
}: ReadinessDeps): Promise<Part[]> {
  return [
    await databasePart(pool),
    spoolPart(disk, config),
    ...(listener ? [listenerPart(listener, config)] : []),
    ...(inference ? [inferencePart(inference)] : []),
    auditPart(auditTrail),
    ...(await certificateFindings(config, systemClock.now())).map(certificatePart),
    ...(config.roles.includes('deliver')
      ? config.delivery.destinations.map(({ name }) => destinationPart(name, echoes))
      : []),
  ];
}

/** Longer, and whoever asks has given up. */
const DATABASE_MS = 3000;

async function databasePart(pool: Pool): Promise<Part> {
  const part = { name: 'database', required: true };
  const late = new AbortController();
  try {
    await Promise.race([
      pool.query('SELECT 1'),
      sleep(DATABASE_MS, undefined, { signal: late.signal }).then(() => {
        throw new Error(`no answer within ${DATABASE_MS / 1000} s`);
      }),
    ]);
    return { ...part, ok: true, reason: 'PostgreSQL answers.' };
  } catch (error) {
    const reason = `PostgreSQL does not answer (${toRaunetError(error).context.detail}); it is tried again by itself.`;
    return { ...part, ok: false, reason };
  } finally {
    late.abort();
  }
}

function spoolPart(disk: DiskWatermark, { maintenance }: Config): Part {
  const { low, freeBytes } = disk.state();
  const free = Number.isNaN(freeBytes) ? 'not measured yet' : `${Math.round(freeBytes / 1e6)} MB free`;
  return {
    name: 'spool',
    ok: !low,
    required: true,
    reason: low
      ? `${free}, below maintenance.minFreeMegabytes ${maintenance.minFreeMegabytes}: new associations are rejected. Free some space.`
      : `${free}.`,
  };
}

function listenerPart(listener: Listener, { association }: Config): Part {
  const { associations } = listener.stats();
  return {
    name: 'listener',
    ok: true,
    required: true,
    reason: `${association.aeTitle} on ${association.host}:${listener.port}, ${associations} of ${association.maxAssociations} associations.`,
  };
}

function inferencePart(inference: Inference): Part {
  const { mode, provider, findings, lastFailure } = inference.state();
  const others = findings
    .filter(({ taken }) => !taken)
    .map((finding) => `${finding.provider}: ${finding.reason}`);
  const { name, version } = inference.model;
  return {
    name: 'inference',
    ok: mode === 'ready',
    required: true,
    reason: [
      `Model ${name} ${version} on ${provider}, ${mode}.`,
      ...others,
      ...(mode === 'ready' || lastFailure === null ? [] : [`Last failure: ${lastFailure}`]),
    ].join(' '),
  };
}

function auditPart({ failures }: Pick<AuditTrail, 'failures'>): Part {
  const reasons = failures().map(({ message }) => message);
  return {
    name: 'audit trail',
    ok: reasons.length === 0,
    required: false,
    reason: reasons.length === 0 ? 'It is written.' : reasons.join(' '),
  };
}

/** One that ends soon is a warning: not ok, and not required. */
const certificatePart = ({ name, usable, endsSoon, required, sentence }: CertificateFinding): Part => ({
  name,
  ok: usable && !endsSoon,
  required: required && !usable,
  reason: sentence,
});

function destinationPart(name: string, echoes: EchoMonitor): Part {
  const last = echoes.results().get(name);
  const part = { name: `destination ${name}`, required: false };
  if (last === undefined) return { ...part, ok: true, reason: 'Not asked yet.' };
  return last.error === null
    ? { ...part, ok: true, reason: `Answers to C-ECHO since ${last.since.toISOString()}.` }
    : { ...part, ok: false, reason: last.error.message };
}
