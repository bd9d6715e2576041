import { Router } from 'express';
import { z } from 'zod';
import type { Priority } from '../config/schema';
import { RaunetError } from '../lib/errors';
import { STAGES } from '../lib/stages';
import { isUid } from '../lib/uid';
import type { SeriesDetail, SeriesFilter } from '../records/read';
import type { SeriesRecord, SeriesState } from '../records/types';
import { demand, only } from './access/authenticate';
import { deliveryView, eventView, resultView, seriesView } from './views';
import type { Gauges, SeriesDesk } from './types';
import { valid } from './valid';

const STATES = [
  ...STAGES.filter((stage) => stage !== 'association'),
  'done',
  'refused',
  'failed',
  'cancelled',
] as const satisfies readonly SeriesState[];

const PRIORITIES = ['stat', 'urgent', 'routine'] as const satisfies readonly Priority[];

const uid = z.string().refine(isUid, 'is not a UID');
const listQuery = z.strictObject({
  state: z
    .preprocess((given) => (typeof given === 'string' ? given.split(',') : given), z.array(z.enum(STATES)))
    .default([]),
  study: uid.optional(),
  since: z.iso.datetime({ offset: true }).optional(),
  limit: z.coerce.number().int().min(1).max(500).default(50),
  cursor: z.string().max(200).optional(),
});

export function seriesRoutes({ series: desk, gauges }: { series: SeriesDesk; gauges: Gauges }): Router {
  const router = Router();
  router.get('/api/summary', only('viewer'), async (_request, response) => {
    const [records, queues, diskFreeBytes] = await Promise.all([
      gauges.records(),
      gauges.queues(),
      gauges.diskFreeBytes(),
    ]);
    response.json({
      series: Object.fromEntries([
        ...STATES.map((state) => [state, 0]),
        ...records.series.map(({ state, count }) => [state, count]),
      ]),
      queues: queues.map(({ queue, waiting, active }) => ({ queue, waiting, active })),
      diskFreeBytes,
    });
  });

  router.get('/api/series', only('viewer'), async (request, response) => {
    const { state, study, since, limit, cursor } = valid(listQuery, request.query);
    const found = await desk.list({
      ...(state.length > 0 && { states: state }),
      ...(study !== undefined && { studyUid: study }),
      ...(since !== undefined && { since: new Date(since) }),
      ...(cursor !== undefined && { after: fromCursor(cursor) }),
      limit: limit + 1, // one more tells whether there is a next page
    });
    const page = found.slice(0, limit);
    response.json({
      series: page.map(seriesView),
      nextCursor: found.length > limit ? toCursor(page.at(-1)!) : null,
    });
  });

  /** Throws RAUNET_NOT_FOUND. */
  const known = async (parameter: unknown): Promise<SeriesDetail> => {
    const seriesUid = valid(uid, parameter);
    const detail = await desk.detail(seriesUid);
    if (detail === null) throw new RaunetError('RAUNET_NOT_FOUND', { seriesUid });
    return detail;
  };

  router.get('/api/series/:uid', only('viewer'), async (request, response) => {
    const detail = await known(request.params.uid);
    response.json({
      series: seriesView(detail),
      history: detail.events.map(eventView),
      results: detail.results.map(resultView),
      deliveries: detail.deliveries.map(deliveryView),
      conflicts: detail.conflicts,
    });
  });

  const nothing = z.strictObject({}).optional();
  router.post('/api/series/:uid/retry', async (request, response) => {
    const by = demand(response, 'operator');
    valid(nothing, request.body);
    const { seriesUid } = await known(request.params.uid);
    await desk.retry(seriesUid, by.name);
    response.json({ sentence: 'The series is on its way again.' });
  });
  router.post('/api/series/:uid/cancel', async (request, response) => {
    const by = demand(response, 'operator');
    valid(nothing, request.body);
    const { seriesUid } = await known(request.params.uid);
    await desk.cancel(seriesUid, by.name);
    response.json({ sentence: 'The series is cancelled.' });
  });
  router.post('/api/series/:uid/priority', async (request, response) => {
    const by = demand(response, 'operator');
    const { priority } = valid(z.strictObject({ priority: z.enum(PRIORITIES) }), request.body);
    const { seriesUid } = await known(request.params.uid);
    await desk.setPriority(seriesUid, priority, by.name);
    response.json({ sentence: `The priority is ${priority} now.` });
  });

  return router;
}

/** Opaque to the client: where in the list the page ended. */
const toCursor = ({ firstReceivedAt, seriesUid }: SeriesRecord): string =>
  Buffer.from(`${firstReceivedAt.getTime()} ${seriesUid}`).toString('base64url');

function fromCursor(cursor: string): NonNullable<SeriesFilter['after']> {
  const [, time, seriesUid] =
    /^(\d{1,15}) ([0-9.]{1,64})$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (time === undefined || seriesUid === undefined)
    throw new RaunetError('RAUNET_REQUEST', { detail: 'cursor: not one of ours' });
  return { firstReceivedAt: new Date(Number(time)), seriesUid };
}
