import { readFileSync } from 'node:fs';
import { configSchema } from '../../../src/config/schema';
import { readHeader } from '../../../src/dicom/read';
import { transaction } from '../../../src/jobs/pool';
import { openQueues, type Queues } from '../../../src/jobs/queue';
import { RaunetError } from '../../../src/lib/errors';
import { silentLog } from '../../../src/lib/log';
import { uncommittedResults } from '../../../src/records/commitments';
import type { AnalysisStage } from '../../../src/pipeline';
import { setDelivery } from '../../../src/records/deliveries';
import { migrate } from '../../../src/records/migrate';
import { retrySeries } from '../../../src/records/operator';
import { findSeries } from '../../../src/records/read';
import { closeSeries, recordInstance } from '../../../src/records/receive';
import type { ResultRecord } from '../../../src/records/types';
import { buildRefusalResults, buildResults } from '../../../src/result/results';
import type { EncodedObject, Producer, ResultContext } from '../../../src/result/types';
import { openSpool, type Spool } from '../../../src/spool/spool';
import { type AnalyseDeps, runAnalysis } from '../../../src/steps/analyse';
import { deliverOptions, deliverQueue } from '../../../src/steps/queues';
import { startTestDatabase, type TestDatabase } from '../../fixtures/database';
import { received, sha256 } from '../../fixtures/received';
import { codes, context, source } from '../../fixtures/result-source';

// A series that is analysed again on the same instances, on the real PostgreSQL, spool and result stage.

const config = configSchema.parse({
  delivery: { destinations: [{ name: 'pacs', aeTitle: 'CT1', host: '127.0.0.1', port: 9 }] },
});
let database: TestDatabase;
let queues: Queues;
let spool: Spool;

beforeAll(async () => {
  database = await startTestDatabase();
  await migrate(database.pool);
  queues = await openQueues({ connection: database.connection, log: silentLog });
  await queues.define(deliverQueue('pacs'), deliverOptions(config.delivery.destinations[0]!));
  spool = await openSpool({ dataDir: database.dataDir, log: silentLog });
});
afterAll(async () => {
  await queues?.stop(1);
  await database?.stop();
});

type Outcome = (context: ResultContext) => EncodedObject[];

const segmented: Outcome = (made) => buildResults(source().analysis, made);
const refused: Outcome = () => {
  throw new RaunetError('RAUNET_NOT_AXIAL');
};
const withSha256 = (producer: Producer, sha: string): Producer => ({
  ...producer,
  model: { ...producer.model, sha256: sha },
});
const byAnotherModel: Outcome = (made) =>
  segmented({ ...made, producer: withSha256(made.producer, sha256('another')) });

type Analyse = AnalyseDeps['analyst']['analyse'];

const analysed = (
  { seriesUid, revision }: { seriesUid: string; revision: number },
  analyse: Analyse,
  complete: () => Promise<void> = async () => {},
): Promise<void> => {
  const deps: AnalyseDeps = {
    pool: database.pool,
    queues,
    codes,
    config,
    spool: { ...spool, verify: async () => {} },
    checkFolders: async () => {},
    // The fixture is one analysis; its results are to have UIDs of this series' own.
    producer: () => withSha256(context().producer, sha256(seriesUid)),
    log: silentLog,
    stageSeconds: () => {},
    failed: () => {},
    analyst: {
      analyse,
      async refuse(_material, reason, made) {
        const { series, source: header } = source().analysis;
        const { summary, slices } = series;
        return buildRefusalResults({ summary, slices, source: header, ...reason }, made);
      },
      close: async () => {},
    },
  };
  const { signal } = new AbortController();
  return runAnalysis({ id: 'job', data: { seriesUid, revision }, attempt: 1, signal, complete }, deps);
};

const coming =
  (outcome: Outcome): Analyse =>
  async (_material, run) => {
    await run.report('result', 0);
    const { measurements } = source().analysis;
    return { measurements, warnings: [], objects: outcome(await run.context([])), pictures: null };
  };

const close = async (seriesUid: string): Promise<number> =>
  (await transaction(database.pool, (tx) => closeSeries(tx, seriesUid, 1, 'It is quiet.')))!;

/** Analyses the series, delivers what is made, and returns it. */
async function delivered(seriesUid: string, outcome: Outcome): Promise<ResultRecord[]> {
  const { pool } = database;
  const revision = await close(seriesUid);
  await analysed({ seriesUid, revision }, coming(outcome));
  const key = { sourceSeriesUid: seriesUid, revision, destination: 'pacs' };
  const results = await uncommittedResults(pool, key, ['SEG', 'SR', 'SC']);
  await transaction(pool, (tx) => setDelivery(tx, key, 'sent'));
  return results;
}

const first = async (seriesUid: string, outcome: Outcome): Promise<ResultRecord[]> => {
  await transaction(database.pool, (tx) => recordInstance(tx, received(seriesUid, 1), 'routine'));
  return delivered(seriesUid, outcome);
};
const retried = async (seriesUid: string, outcome: Outcome): Promise<ResultRecord[]> => {
  await transaction(database.pool, (tx) =>
    retrySeries(tx, seriesUid, 'admin', { known: () => true, routed: () => ['pacs'] }),
  );
  return delivered(seriesUid, outcome);
};
const uids = (results: readonly ResultRecord[]): string[] =>
  results.map(({ sopInstanceUid }) => sopInstanceUid);
const report = (results: readonly ResultRecord[]): ResultRecord => results.find(({ kind }) => kind === 'SR')!;
const supersedes = (results: readonly ResultRecord[]): (string | null)[] =>
  readHeader(readFileSync(spool.resultPath(report(results).file)))
    .dataset.items('PredecessorDocumentsSequence')
    .flatMap((study) => study.items('ReferencedSeriesSequence'))
    .flatMap((series) => series.items('ReferencedSOPSequence'))
    .map((each) => each.string('ReferencedSOPInstanceUID'));

test.each<[string, string, Outcome, Outcome]>([
  ['1.2.3.3', 'refused at first', refused, segmented],
  ['1.2.3.4', 'by another model', segmented, byAnotherModel],
])(
  '%s: a retry with another outcome (%s) is sent as a set of its own that supersedes the first',
  async (...row) => {
    const [seriesUid, , before, after] = row;
    const old = await first(seriesUid, before);
    const now = await retried(seriesUid, after);
    expect(uids(now).filter((uid) => uids(old).includes(uid))).toEqual([]);
    expect(now.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['SEG', 'SR']));
    expect(supersedes(now)).toEqual([report(old).sopInstanceUid]);
  },
);

test('a retry with the same outcome sends the same objects, with their bytes', async () => {
  const old = await first('1.2.3.1', segmented);
  const now = await retried('1.2.3.1', segmented);
  const told = ({ sopInstanceUid, sha256 }: ResultRecord) => ({ sopInstanceUid, sha256 });
  expect(now.map(told)).toEqual(old.map(told));
});

test('where the same analysis came to fewer objects before, those stand: no set has objects of two analyses', async () => {
  const withoutSeg: Outcome = (made) => segmented(made).filter(({ kind }) => kind !== 'SEG');
  const old = await first('1.2.3.2', withoutSeg);
  expect(uids(await retried('1.2.3.2', segmented))).toEqual(uids(old));
});

// A process that stood still for longer than its heartbeat: another one took the job over, and then it goes on.
describe.each<[string, readonly AnalysisStage[]]>([
  ['a stage that does not fit', ['mask']],
  ['a refusal', []],
])('an analysis that was overtaken comes to %s', (_, stages) => {
  test('it ends with RAUNET_JOB_TAKEN, and the one that overtook it goes on undisturbed', async () => {
    const seriesUid = `1.2.3.7.${stages.length}`;
    await transaction(database.pool, (tx) => recordInstance(tx, received(seriesUid, 1), 'routine'));
    const job = { seriesUid, revision: await close(seriesUid) };
    const taken = () => Promise.reject(new RaunetError('RAUNET_JOB_TAKEN'));
    let overtaken: unknown;
    const stale: Analyse = async (_material, run) => {
      for (const stage of stages) await run.report(stage, 0);
      throw new RaunetError('RAUNET_NOT_AXIAL');
    };
    const now: Analyse = async (material, run) => {
      for (const stage of ['volume', 'tensor'] as const) await run.report(stage, 0);
      overtaken = await analysed(job, stale, taken).catch((error: unknown) => error);
      expect(await findSeries(database.pool, seriesUid)).toMatchObject({ state: 'tensor', code: null });
      for (const stage of ['inference', 'mask'] as const) await run.report(stage, 0);
      return coming(segmented)(material, run);
    };
    await analysed(job, now);
    expect(overtaken).toMatchObject({ code: 'RAUNET_JOB_TAKEN', class: 'transient' });
    expect(await findSeries(database.pool, seriesUid)).toMatchObject({ state: 'delivery', code: null });
  });
});
