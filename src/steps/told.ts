import type { Pool } from 'pg';
import type { SeriesDesk } from '../admin/types';
import type { AuditTrail } from '../audit/open';
import type { Audit } from '../audit/types';
import { REJECTION } from '../association/rejections';
import type { ListenerDeps, Peer } from '../association/types';
import type { DestinationConfig } from '../config/schema';
import { toRaunetError } from '../lib/errors';
import type { Log } from '../lib/log';
import { takeTokenChanges } from '../records/users';

/** Rejections that say "we do not know you", not "not now": PS3.15 A.5.3.11, node authentication. */
const ALERTS: readonly string[] = [REJECTION.callingAe.name, REJECTION.calledAe.name, 'RAUNET_TLS_REFUSED'];

/** What the listener tells the audit trail. */
export function listenerAudit(
  audit: Audit,
): Pick<ListenerDeps, 'refused' | 'transferBegins' | 'transferred'> {
  const from = ({ callingAe, address }: Pick<Peer, 'callingAe' | 'address'>) => ({
    direction: 'received' as const,
    peer: { aeTitle: callingAe, address },
  });
  return {
    transferBegins: (peer, study) => audit({ kind: 'transfer begins', ...from(peer), study }),
    transferred: (peer, study, failure) => audit({ kind: 'transferred', ...from(peer), study, failure }),
    refused: ({ reason, address, callingAe = '' }) => {
      if (ALERTS.includes(reason)) audit({ kind: 'refused', peer: { aeTitle: callingAe, address }, reason });
    },
  };
}

/** Tells the audit trail who did what, and what was not possible. */
export function audited(desk: SeriesDesk, audit: Audit): SeriesDesk {
  const told = async (
    action: 'retry' | 'cancel' | 'priority',
    seriesUid: string,
    user: string,
    work: Promise<void>,
  ): Promise<void> => {
    const tell = (failure: string | null) => audit({ kind: 'operated', action, user, seriesUid, failure });
    await work.catch((error: unknown) => {
      tell(toRaunetError(error).code);
      throw error;
    });
    tell(null);
  };
  return {
    ...desk,
    retry: (seriesUid, by) => told('retry', seriesUid, by, desk.retry(seriesUid, by)),
    cancel: (seriesUid, by) => told('cancel', seriesUid, by, desk.cancel(seriesUid, by)),
    setPriority: (seriesUid, priority, by) =>
      told('priority', seriesUid, by, desk.setPriority(seriesUid, priority, by)),
  };
}

/** So long until a change of a token is told, ms. */
const TOKEN_CHANGES_MS = 2000;

/**
 * Tells of tokens that were made or revoked, here, on another machine or by `raunet token` while no service ran. One
 * process tells of each; it is forgotten when it is in the trail. Returns the end, after which nothing runs.
 */
export async function tellTokenChanges(deps: {
  pool: Pool;
  auditTrail: AuditTrail;
  log: Log;
}): Promise<() => Promise<void>> {
  const { pool, auditTrail, log } = deps;
  let failing = false;
  const tell = () =>
    takeTokenChanges(pool, async (changes) => {
      for (const { name, actor, at, role, action, address } of changes)
        auditTrail.audit({ kind: 'token changed', at, action, token: name, role, user: actor, address });
      await auditTrail.flush();
    }).then(
      () => {
        failing = false;
      },
      (error: unknown) => {
        if (!failing) log.warn('Changes of tokens cannot be read for the audit trail', { error });
        failing = true;
      },
    );
  let running = tell();
  await running;
  const timer = setInterval(() => {
    running = running.then(tell);
  }, TOKEN_CHANGES_MS).unref();
  return async () => {
    clearInterval(timer);
    await running.then(tell);
  };
}

/** Study Root Query/Retrieve - FIND. */
const STUDY_ROOT_FIND = '1.2.840.10008.5.1.4.1.2.2.1';

/** Tells of a query of ours when it has ended. */
export async function auditedQuery<T>(
  { aeTitle, host }: DestinationConfig,
  { seriesUid }: { seriesUid: string },
  audit: Audit,
  query: Promise<T>,
): Promise<T> {
  const tell = (failure: string | null) =>
    audit({
      kind: 'queried',
      peer: { aeTitle, address: host },
      seriesUid,
      sopClassUid: STUDY_ROOT_FIND,
      failure,
    });
  try {
    const answer = await query;
    tell(null);
    return answer;
  } catch (error) {
    tell(toRaunetError(error).code);
    throw error;
  }
}
