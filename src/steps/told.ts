import type { SeriesDesk } from '../admin/types';
import type { Audit } from '../audit/types';
import { REJECTION } from '../association/rejections';
import type { ListenerDeps, Peer } from '../association/types';
import type { DestinationConfig } from '../config/schema';
import { toRaunetError } from '../lib/errors';

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
