import { migrate } from '../../src/records/migrate';
import { eraseSeries } from '../../src/records/erase';
import { findSeries } from '../../src/records/read';
import { seriesDesk } from '../../src/steps/operator';
import { type Committing, startCommitting } from '../fixtures/committing';
import {
  COMMITMENT,
  type OnAction,
  type Pacs,
  reportElsewhere,
  reportOn,
  roleSelection,
  scriptedPacs,
} from '../fixtures/commitment-peer';
import { startTestDatabase, type TestDatabase } from '../fixtures/database';
import { associateRq, ScriptedPeer } from '../fixtures/scripted-peer';
import { until } from '../fixtures/until';

// Storage commitment as SCU, PS3.4 Annex J: what a destination stored counts as delivered when it has committed to it.

/** SOP Instance UIDs of the test's own. */
let A: string;
let B: string;
let tests = 0;
let service: Committing;
let pacs: Pacs;
let database: TestDatabase;

beforeAll(async () => {
  database = await startTestDatabase();
  await migrate(database.pool);
});
afterAll(() => database.stop());

async function start(
  onAction: OnAction,
  {
    accept,
    objects,
    ...commitment
  }: { accept?: (abstract: string) => boolean; objects?: string[]; [key: string]: unknown } = {},
) {
  [A, B] = [`1.2.3.${++tests}.1`, `1.2.3.${tests}.2`];
  pacs = await scriptedPacs(onAction, accept);
  service = await startCommitting({
    database,
    destination: {
      port: pacs.port,
      ...(objects ? { objects } : {}),
      commitment: { waitSeconds: 0.2, reportSeconds: 60, ...commitment },
    },
  });
}

afterEach(async () => {
  await service.stop();
  await pacs.close();
});

const reaches = (seriesUid: string, delivery: string) =>
  until(`the delivery is ${delivery}`, async () => {
    const state = await service.state(seriesUid);
    if (state.delivery !== delivery) throw new Error(JSON.stringify(state));
    return service.state(seriesUid); // its parts are read one after the other
  });

test('a report on the same association: every object is asked for once it is stored, then delivered', async () => {
  await start(({ transactionUid, instances }) => ({
    report: reportOn(transactionUid, Object.keys(instances)),
  }));
  const series = await service.deliverable([A, B]);
  expect(await reaches(series, 'delivered')).toMatchObject({ series: 'done', code: null, attempts: 1 });
  expect(pacs.stored).toEqual([A, B]);
  expect(pacs.asked.map(({ instances }) => Object.keys(instances))).toEqual([[A, B]]);
  expect(service.outcomes).toEqual(['committed']);
});

test('a destination that takes no SEG gets, and commits to, the other objects; where there is none, nothing', async () => {
  await start(
    ({ transactionUid, instances }) => ({ report: reportOn(transactionUid, Object.keys(instances)) }),
    { objects: ['SR', 'SC'] },
  );
  const series = await service.deliverable([A, B], ['SEG', 'SC']);
  expect(await reaches(series, 'delivered')).toMatchObject({ series: 'done', code: null });
  const onlySeg = await service.deliverable([`${A}.9`], ['SEG']);
  expect(await reaches(onlySeg, 'sent')).toMatchObject({ series: 'done', code: null });
  expect(pacs.stored).toEqual([B]);
  expect(pacs.asked.map(({ instances }) => Object.keys(instances))).toEqual([[B]]);
});

test('a report on another association, with the reversed role: stored until then; a second one changes nothing', async () => {
  await start(() => ({}));
  const series = await service.deliverable([A]);
  await reaches(series, 'stored');
  await until('it is asked', () => pacs.asked[0]);
  expect(await service.state(series)).toMatchObject({ series: 'delivery', delivery: 'stored' });

  const { transactionUid } = pacs.asked[0]!;
  expect(await reportElsewhere(service.port, reportOn(transactionUid, [A]))).toBe(0x0000);
  expect(await service.state(series)).toMatchObject({ series: 'done', delivery: 'delivered' });
  const failed = reportOn(transactionUid, [], [{ uid: A, reason: 0x0112 }]);
  expect(await reportElsewhere(service.port, failed, { type: 2 })).toBe(0x0000);
  expect(await reportElsewhere(service.port, reportOn(transactionUid, [A]))).toBe(0x0000);
  expect(await service.state(series)).toMatchObject({ series: 'done', delivery: 'delivered' });
  expect(pacs.stored).toEqual([A]);
  expect(service.outcomes).toEqual(['committed']);
});

test('the listener grants the role that is asked for, and answers what it does not know with its status', async () => {
  await start(() => ({}));
  const peer = await ScriptedPeer.connect(service.port);
  const context = { id: 1, abstractSyntax: COMMITMENT, transferSyntaxes: ['1.2.840.10008.1.2'] };
  peer.send(associateRq({ callingAe: 'PACS', contexts: [context], userItems: [roleSelection(0, 1)] }));
  const accepted = await peer.next();
  expect(accepted!.type).toBe(2);
  expect(accepted!.body.includes(roleSelection(0, 1))).toBe(true);
  await peer.release();
  expect(await reportElsewhere(service.port, reportOn('1.2.3.99', [A]))).toBe(0x0115);
  expect(await reportElsewhere(service.port, reportOn('1.2.3.99', [A]), { type: 3 })).toBe(0x0113);
  expect(await reportElsewhere(service.port, Buffer.from('garbage'))).toBe(0x0115);
});

test('a partial failure: only what was not committed is sent and asked for again', async () => {
  await start(({ transactionUid, instances }, n) => ({
    report:
      n === 1
        ? reportOn(transactionUid, [A], [{ uid: B, reason: 0x0110 }])
        : reportOn(transactionUid, Object.keys(instances)),
  }));
  const series = await service.deliverable([A, B]);
  await reaches(series, 'delivered');
  expect(pacs.stored).toEqual([A, B, B]);
  expect(pacs.asked.map(({ instances }) => Object.keys(instances))).toEqual([[A, B], [B]]);
  expect(service.outcomes).toEqual(['failed', 'committed']);
});

test('an object that the report does not mention is not committed', async () => {
  await start(({ transactionUid, instances }, n) => ({
    report: reportOn(transactionUid, n === 1 ? [A] : Object.keys(instances)),
  }));
  const series = await service.deliverable([A, B]);
  await reaches(series, 'delivered');
  expect(pacs.stored).toEqual([A, B, B]);
});

test('a destination that never commits: sent again as often as configured, then an operator must look', async () => {
  await start(
    ({ transactionUid, instances }) => ({
      report: reportOn(
        transactionUid,
        [],
        Object.keys(instances).map((uid) => ({ uid, reason: 0x0112 })),
      ),
    }),
    { resends: 1 },
  );
  const series = await service.deliverable([A]);
  expect(await reaches(series, 'dead')).toMatchObject({ series: 'failed', code: 'RAUNET_COMMITMENT_FAILED' });
  expect(pacs.stored).toEqual([A, A]);
});

test('no report in time: asked again with a new transaction, then sent again; a late report still counts', async () => {
  await start(() => ({}), { reportSeconds: 0.5, requests: 2, resends: 1 });
  const series = await service.deliverable([A]);
  expect(await reaches(series, 'dead')).toMatchObject({
    series: 'failed',
    code: 'RAUNET_COMMITMENT_UNANSWERED',
  });
  expect(pacs.stored).toEqual([A, A]);
  const transactions = pacs.asked.map(({ transactionUid }) => transactionUid);
  expect(new Set(transactions).size).toBe(4);
  expect(await reportElsewhere(service.port, reportOn(transactions[0]!, [A]))).toBe(0x0000);
  expect(await service.state(series)).toMatchObject({ series: 'done', delivery: 'delivered' });
});

test('a retry asks again, as often as at first: the requests that went unanswered before it do not count', async () => {
  let corrected = false;
  await start(({ transactionUid }) => (corrected ? { report: reportOn(transactionUid, [A]) } : {}), {
    reportSeconds: 0.5,
    requests: 2,
    resends: 0,
  });
  const series = await service.deliverable([A]);
  await reaches(series, 'dead');
  corrected = true;
  await seriesDesk({ ...service, pool: database.pool }).retry(series, 'admin');
  expect(await reaches(series, 'delivered')).toMatchObject({ series: 'done', code: null });
  expect(pacs.stored).toEqual([A, A]);
  expect(pacs.asked).toHaveLength(3);
});

test.each([
  ['committed to', []],
  ['failed', [0x0112]],
] as const)('a late report (%s) on results that retention has erased changes nothing', async (_, reasons) => {
  await start(() => ({}), { reportSeconds: 0.5, requests: 1, resends: 0 });
  const series = await service.deliverable([A]);
  await reaches(series, 'dead');
  const erased = { seriesUid: series, studyUid: '1.2.3' };
  await eraseSeries(database.pool, erased, 0, () => service.spool.removeSeries(erased));
  const before = await findSeries(database.pool, series);
  const { transactionUid } = pacs.asked[0]!;
  const failed = reasons.map((reason) => ({ uid: A, reason }));
  const report = reportOn(transactionUid, failed.length > 0 ? [] : [A], failed);
  expect(await reportElsewhere(service.port, report, { type: failed.length > 0 ? 2 : 1 })).toBe(0x0000);
  expect((await service.state(series)).delivery).toBe('dead');
  expect(await findSeries(database.pool, series)).toEqual(before);
  expect(service.outcomes).toEqual(['unanswered']);
});

test('a delivery whose results are on record no more is dead, not sent', async () => {
  await start(() => ({}));
  const series = await service.deliverable([]);
  expect(await reaches(series, 'dead')).toMatchObject({ series: 'failed', code: 'RAUNET_RESULT_MISSING' });
  expect([pacs.stored, pacs.asked]).toEqual([[], []]);
});

test.each([
  [0x0122, 'RAUNET_COMMITMENT_REFUSED'],
  [0x0124, 'RAUNET_COMMITMENT_REFUSED'],
])('N-ACTION refused with status %i: %s', async (status, code) => {
  await start(() => ({ status }));
  const series = await service.deliverable([A]);
  expect(await reaches(series, 'dead')).toMatchObject({ series: 'failed', code });
});

test('a destination that is out of resources for the moment is asked again', async () => {
  await start(({ transactionUid }, n) =>
    n === 1 ? { status: 0x0213 } : { report: reportOn(transactionUid, [A]) },
  );
  const series = await service.deliverable([A]);
  await reaches(series, 'delivered');
  expect(pacs.stored).toEqual([A]);
  expect(pacs.asked).toHaveLength(2);
});

test('a destination without storage commitment: a coded end, the objects are there', async () => {
  await start(() => ({}), { accept: (abstract) => abstract !== COMMITMENT });
  const series = await service.deliverable([A]);
  expect(await reaches(series, 'dead')).toMatchObject({ code: 'RAUNET_NOT_ACCEPTED' });
  expect(pacs.stored).toEqual([A]);
});

test('a restart between request and report loses nothing', async () => {
  await start(() => ({}));
  const series = await service.deliverable([A]);
  await until('it is asked', () => pacs.asked[0]);
  await service.restart();
  const { transactionUid } = pacs.asked[0]!;
  expect(await reportElsewhere(service.port, reportOn(transactionUid, [A]))).toBe(0x0000);
  expect(await service.state(series)).toMatchObject({ series: 'done', delivery: 'delivered' });
  expect(pacs.stored).toEqual([A]);
});
