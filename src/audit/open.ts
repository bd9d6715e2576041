import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../config/schema';
import type { RaunetError } from '../lib/errors';
import type { Log } from '../lib/log';
import { openForward } from './forward';
import { auditMessage } from './message';
import { syslogMessage } from './syslog';
import { openTrail } from './trail';
import type { Audit } from './types';

export interface AuditTrail {
  audit: Audit;
  /** Why it is not written, or not sent, at the moment. */
  failures(): RaunetError[];
  /** Resolves when everything told so far is on the disk, or waits in memory because the disk takes nothing. */
  flush(): Promise<void>;
  /** Tells of the stop, and ends when that is on the disk and, where that is quick, sent. */
  close(): Promise<void>;
}

/** RFC 5424 7.3.1. */
const LAST_SEQUENCE = 2_147_483_647;

/** Opens the trail and tells of the start, which is on the disk when this resolves, or its failure is logged. */
export async function openAudit(deps: {
  dataDir: string;
  config: Config;
  sourceId: string;
  log: Log;
}): Promise<AuditTrail> {
  const { config, log } = deps;
  const { syslog, keepDays } = config.audit;
  const host = hostname();
  // Processes that share a data folder write files of their own, and each sends its own.
  const name = config.audit.name ?? `${host}-${config.admin.port}`;
  const folder = join(deps.dataDir, 'audit', name);
  const processId = process.pid;
  const source = { sourceId: deps.sourceId, aeTitle: config.association.aeTitle, host, processId };
  let forward: Awaited<ReturnType<typeof openForward>> | null = null;
  const trail = await openTrail({
    folder,
    keepDays,
    isSent: (file) => syslog === undefined || forward?.isSent(file) === true,
    written: () => forward?.wake(),
    log,
  });
  if (syslog !== undefined) forward = await openForward({ folder, config: syslog, log });
  let sequence = 0;
  const audit: Audit = (event) => {
    sequence = (sequence % LAST_SEQUENCE) + 1;
    const at = new Date();
    trail.append(syslogMessage({ host, processId }, at, sequence, auditMessage(event, at, source)));
  };
  audit({ kind: 'started' });
  await trail.flush();
  return {
    audit,
    flush: () => trail.flush(),
    failures: () => [trail.failure(), forward?.failure()].filter((error) => error != null),
    async close() {
      audit({ kind: 'stopped' });
      await trail.close();
      await forward?.close();
    },
  };
}
