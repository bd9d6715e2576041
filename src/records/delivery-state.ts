import type { Tx } from '../jobs/pool';
import type { RaunetError } from '../lib/errors';
import type { DeliveryState } from './types';

/** All results of one revision to one destination. */
export interface DeliveryKey {
  sourceSeriesUid: string;
  revision: number;
  destination: string;
}

/**
 * From -> to, for what comes of sending. What the destination has, it has, though the delivery was cancelled or superseded
 * meanwhile; but no attempt that ends late revives one: dead -> waiting is an operator's step, in `redeliver.ts`.
 */
export const TRANSITIONS: Record<DeliveryState, readonly DeliveryState[]> = {
  waiting: ['waiting', 'stored', 'sent', 'delivered', 'dead', 'superseded'],
  stored: ['waiting', 'sent', 'delivered', 'dead', 'superseded'],
  sent: ['delivered'],
  delivered: [],
  dead: ['sent', 'delivered'],
  superseded: ['sent', 'delivered'],
};

/** Of a series; of those given only. */
export interface Deliveries {
  sourceSeriesUid: string;
  revision?: number;
  /** Of older revisions than this one. */
  before?: number;
  destinations?: readonly string[];
}

/**
 * The one setter of a delivery's state: those in `from` go to `to`, with the code and reason of `error` or none. The
 * series' row is held. No event and no end of the series: see `setDelivery`. Returns the destinations in order.
 */
export async function moveDeliveries(
  tx: Tx,
  { sourceSeriesUid, revision, before, destinations }: Deliveries,
  { from, to }: { from: DeliveryState; to: DeliveryState },
  error?: RaunetError,
): Promise<string[]> {
  const { rows } = await tx.query<{ destination: string }>(
    `UPDATE raunet.delivery SET state = $3, code = $4, reason = $5, updated_at = now()
     WHERE source_series_uid = $1 AND state = $2 AND revision = coalesce($6, revision)
       AND revision < coalesce($7, revision + 1) AND destination = ANY(coalesce($8, ARRAY[destination]))
     RETURNING destination`,
    [
      sourceSeriesUid,
      from,
      to,
      error?.code ?? null,
      error?.message ?? null,
      revision ?? null,
      before ?? null,
      destinations ?? null,
    ],
  );
  return rows.map(({ destination }) => destination).sort();
}

/** New deliveries, which wait, where there are none. Returns the destinations that had none. */
export async function addDeliveries(
  tx: Tx,
  { sourceSeriesUid, revision }: Omit<DeliveryKey, 'destination'>,
  destinations: readonly string[],
): Promise<string[]> {
  const { rows } = await tx.query<{ destination: string }>(
    `INSERT INTO raunet.delivery (source_series_uid, revision, destination, state)
     SELECT $1, $2, destination, 'waiting' FROM unnest($3::text[]) AS destination
     ON CONFLICT DO NOTHING RETURNING destination`,
    [sourceSeriesUid, revision, destinations],
  );
  return rows.map(({ destination }) => destination).sort();
}
