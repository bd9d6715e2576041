import type { Tx } from '../jobs/pool';
import type { ErrorCode } from '../lib/error-codes';
import { RaunetError } from '../lib/errors';
import { firstRound } from './commitments';
import { addDeliveries, type DeliveryKey, moveDeliveries } from './delivery-state';

/** What the configuration says now of the destinations of a series. */
export interface Destinations {
  known(destination: string): boolean;
  /** Where its results go. Throws RAUNET_DESTINATION_UNKNOWN. */
  routed(): readonly string[];
}

/** An operator must look at it. */
export interface DeadDelivery {
  destination: string;
  code: ErrorCode | null;
}

type Revision = Omit<DeliveryKey, 'destination'>;

export async function deadDeliveries(
  tx: Tx,
  { sourceSeriesUid, revision }: Revision,
): Promise<DeadDelivery[]> {
  const { rows } = await tx.query<DeadDelivery>(
    `SELECT destination, code FROM raunet.delivery
     WHERE source_series_uid = $1 AND revision = $2 AND state = 'dead' ORDER BY destination`,
    [sourceSeriesUid, revision],
  );
  return rows;
}

/**
 * Dead deliveries wait again, as at first. Results that had no destination (none is dead), or one that is configured no
 * more, go to the destinations of now. Returns to whom it is sent: nobody where those of now have all. Throws
 * RAUNET_DESTINATION_UNKNOWN.
 */
export async function redeliver(
  tx: Tx,
  key: Revision,
  dead: readonly DeadDelivery[],
  { known, routed }: Destinations,
): Promise<string[]> {
  const unknown = new RaunetError('RAUNET_DESTINATION_UNKNOWN', { seriesUid: key.sourceSeriesUid });
  const gone = dead.filter(({ code, destination }) => code === unknown.code && !known(destination));
  const to = dead.filter((each) => !gone.includes(each)).map(({ destination }) => destination);
  await moveDeliveries(tx, { ...key, destinations: to }, { from: 'dead', to: 'waiting' });
  await moveDeliveries(tx, key, { from: 'dead', to: 'superseded' }, unknown);
  if (gone.length > 0 || dead.length === 0) {
    const now = { ...key, destinations: routed() };
    to.push(...(await moveDeliveries(tx, now, { from: 'superseded', to: 'waiting' })));
    to.push(...(await addDeliveries(tx, key, now.destinations)));
  }
  for (const destination of to) await firstRound(tx, { ...key, destination });
  return to;
}
