import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { transaction } from '../../../src/jobs/pool';
import { RaunetError } from '../../../src/lib/errors';
import { beginDelivery, setDelivery } from '../../../src/records/deliveries';
import type { DeliveryKey } from '../../../src/records/delivery-state';
import { eraseSeries, erasuresOf } from '../../../src/records/erase';
import { migrate } from '../../../src/records/migrate';
import { cancelSeries, changePriority, retrySeries } from '../../../src/records/operator';
import { findSeries, instancesOf, seriesDetail, seriesList } from '../../../src/records/read';
import { closeSeries, markLost, recordInstance, recordNextInstance } from '../../../src/records/receive';
import { findResult, type NewResult, resultsOf, saveResults } from '../../../src/records/results';
import { changeState, setProgress } from '../../../src/records/state';
import { startTestDatabase, type TestDatabase } from '../../fixtures/database';
import { received, sha256 } from '../../fixtures/received';

let database: TestDatabase;
let number = 0;

beforeAll(async () => {
  database = await startTestDatabase();
  await migrate(database.pool);
});

afterAll(() => database.stop());

type Work<T> = Parameters<typeof transaction<T>>[1];
const commit = <T>(work: Work<T>): Promise<T> => transaction(database.pool, work);
const record = async (instance: ReturnType<typeof received>) =>
  (await commit((tx) => recordInstance(tx, instance, 'routine'))).recorded;
const close = async (uid: string) => {
  const { instances } = (await findSeries(database.pool, uid))!;
  return commit((tx) => closeSeries(tx, uid, instances, 'Quiet.'));
};
const state = async (uid: string) => (await findSeries(database.pool, uid))!.state;

/** A series with `count` instances, in state `spool`. */
async function newSeries(count = 2): Promise<string> {
  const uid = `1.2.3.${++number}`;
  for (let i = 1; i <= count; i++) await record(received(uid, i));
  return uid;
}

const CONFIGURED = { known: () => true, routed: () => ['pacs'] };

const STAGES = ['volume', 'tensor', 'inference', 'mask', 'result'] as const;

/** Takes a series through its analysis up to `result`. Returns the revision. */
async function analyse(uid: string): Promise<number> {
  const revision = (await close(uid))!;
  for (const to of STAGES) await commit((tx) => changeState(tx, uid, { to, revision, sentence: `${to}.` }));
  return revision;
}

const resultNamed = (uid: string, bytes: string): NewResult => ({
  sopInstanceUid: uid,
  sopClassUid: '1.2.840.10008.5.1.4.1.1.66.4',
  transferSyntaxUid: '1.2.840.10008.1.2.1',
  kind: 'SEG',
  seriesUid: `${uid}.9`,
  file: `${uid}.dcm`,
  sha256: sha256(bytes),
});

async function deliverable(uid: string, destinations = ['pacs']): Promise<DeliveryKey[]> {
  const revision = await analyse(uid);
  const results = [resultNamed(`${uid}.${revision}.100`, 'seg')];
  await commit((tx) => saveResults(tx, { seriesUid: uid, revision, results, destinations }));
  return destinations.map((destination) => ({ sourceSeriesUid: uid, revision, destination }));
}

const outcome = (key: DeliveryKey, ...rest: [Parameters<typeof setDelivery>[2], RaunetError?]) =>
  commit((tx) => setDelivery(tx, key, ...rest));

// Found by test/faults/faults.test.ts: such a series stood in `result` for ever.
test('a report may take the place of results that could not be kept', async () => {
  const uid = await newSeries();
  const revision = await analyse(uid);
  const change = { to: 'result', revision, code: 'RAUNET_SPOOL_WRITE', sentence: 'No room.' } as const;
  await commit((tx) => changeState(tx, uid, change));
  expect(await findSeries(database.pool, uid)).toMatchObject({ state: 'result', code: 'RAUNET_SPOOL_WRITE' });
});

describe('receiving', () => {
  test('the first instance makes the series, known bytes change nothing', async () => {
    const uid = await newSeries(3);
    expect(await record(received(uid, 2))).toBe('duplicate');
    expect(await findSeries(database.pool, uid)).toMatchObject({
      studyUid: '1.2.3',
      state: 'spool',
      instances: 3,
      revision: 0,
      callingAe: 'CT1',
      calledAe: 'RAUNET',
      callingAddress: '10.0.0.7',
      priority: 'routine',
      finishedAt: null,
    });
    expect((await seriesDetail(database.pool, uid))!.events).toHaveLength(1);
  });

  test('other bytes under a known UID are kept beside it, flagged in the history, and not analysed', async () => {
    const uid = await newSeries(2);
    expect(await record(received(uid, 1, 'altered'))).toBe('conflicting');
    expect(await record(received(uid, 1, 'altered'))).toBe('duplicate');
    const detail = (await seriesDetail(database.pool, uid))!;
    expect(detail.conflicts).toEqual([`${uid}.1`]);
    expect(detail.instances).toBe(2);
    expect(detail.events.at(-1)).toMatchObject({ code: 'CONFLICTING_INSTANCE' });
    expect((await instancesOf(database.pool, uid)).map(({ sha256 }) => sha256)).toEqual([
      sha256(`${uid}.1`),
      sha256(`${uid}.2`),
    ]);
  });

  test('a series UID that belongs to another study is refused, and nothing of it is recorded', async () => {
    const uid = await newSeries(1);
    const foreign = { ...received(uid, 2), studyUid: '9.9.9' };
    await expect(record(foreign)).rejects.toThrow('RAUNET_UID_CONFLICT');
    expect(await instancesOf(database.pool, uid)).toHaveLength(1);
  });

  test('the next instance of a series in receipt is recorded by one statement, and counts like any other', async () => {
    const uid = await newSeries(1);
    const next = received(uid, 2);
    expect(await recordNextInstance(database.pool, next)).toBe(true);
    expect(await findSeries(database.pool, uid)).toMatchObject({
      instances: 2,
      lastReceivedAt: next.receivedAt,
    });
    expect(await record(next)).toBe('duplicate');
    expect(await close(uid)).toBe(1);
  });

  test('what is no next instance is left to recordInstance: unknown series, known UID, past receiving, other study', async () => {
    const next = (instance: ReturnType<typeof received>) => recordNextInstance(database.pool, instance);
    expect(await next(received('9.8.7', 1))).toBe(false);
    expect(await findSeries(database.pool, '9.8.7')).toBeNull();
    const uid = await newSeries(2);
    expect(await next(received(uid, 2))).toBe(false);
    expect(await next(received(uid, 2, 'altered'))).toBe(false);
    expect(await next({ ...received(uid, 3), studyUid: '9.9.9' })).toBe(false);
    await close(uid);
    expect(await next(received(uid, 3))).toBe(false);
    expect((await findSeries(database.pool, uid))!.instances).toBe(2);
    expect(await instancesOf(database.pool, uid)).toHaveLength(2);
  });

  test('the same instances over several associations at once count once, by either way', async () => {
    const uid = await newSeries(1);
    const numbers = Array.from({ length: 60 }, (_, i) => 2 + (i % 15));
    const outcomes = await Promise.all(
      numbers.map(
        async (n) => (await recordNextInstance(database.pool, received(uid, n))) || record(received(uid, n)),
      ),
    );
    expect(outcomes.filter((kind) => kind === true || kind === 'new')).toHaveLength(15);
    expect((await findSeries(database.pool, uid))!.instances).toBe(16);
    expect(await instancesOf(database.pool, uid)).toHaveLength(16);
  });

  test('a series is not closed over an instance that came while it was being looked at', async () => {
    const uid = await newSeries(2);
    await recordNextInstance(database.pool, received(uid, 3));
    expect(await commit((tx) => closeSeries(tx, uid, 2, 'Quiet.'))).toBeNull();
    expect(await state(uid)).toBe('spool');
    expect(await close(uid)).toBe(1);
  });

  test('a rolled-back receipt leaves no trace', async () => {
    const uid = `1.2.3.${++number}`;
    const failing = commit(async (tx) => {
      await recordInstance(tx, received(uid, 1), 'routine');
      throw new Error('job could not be sent');
    });
    await expect(failing).rejects.toThrow('job could not be sent');
    expect(await findSeries(database.pool, uid)).toBeNull();
  });

  test('instances of one series over several associations at once are all recorded, once', async () => {
    const uid = `1.2.3.${++number}`;
    const numbers = Array.from({ length: 40 }, (_, i) => (i % 20) + 1);
    const outcomes = await Promise.all(numbers.map((n) => record(received(uid, n))));
    expect(outcomes.filter((kind) => kind === 'new')).toHaveLength(20);
    expect(outcomes.filter((kind) => kind === 'duplicate')).toHaveLength(20);
    expect((await findSeries(database.pool, uid))!.instances).toBe(20);
    expect((await seriesDetail(database.pool, uid))!.events).toHaveLength(1);
  });
});

describe('revisions', () => {
  test('a late instance re-opens a finished series, which is analysed again as the next revision; results keep theirs', async () => {
    const uid = await newSeries();
    const [key] = await deliverable(uid);
    await outcome(key!, 'sent');
    expect(await state(uid)).toBe('done');

    expect(await record(received(uid, 3))).toBe('new');
    expect(await findSeries(database.pool, uid)).toMatchObject({
      state: 'spool',
      revision: 1,
      finishedAt: null,
    });
    const [second] = await deliverable(uid);
    expect(second!.revision).toBe(2);
    expect(await resultsOf(database.pool, uid, 1)).toHaveLength(1);
    expect((await resultsOf(database.pool, uid, 2)).map((r) => r.sopInstanceUid)).toEqual([`${uid}.2.100`]);
  });

  test('an analysis that a late instance overtook cannot go on, report progress or save results', async () => {
    const uid = await newSeries();
    const revision = await analyse(uid);
    await record(received(uid, 3));
    await expect(
      commit((tx) => changeState(tx, uid, { to: 'result', revision, sentence: '' })),
    ).rejects.toThrow('RAUNET_SUPERSEDED');
    await expect(setProgress(database.pool, uid, revision, 0.5)).rejects.toThrow('RAUNET_SUPERSEDED');
    await expect(
      commit((tx) => saveResults(tx, { seriesUid: uid, revision, results: [], destinations: ['pacs'] })),
    ).rejects.toThrow('RAUNET_SUPERSEDED');
    expect(await findSeries(database.pool, uid)).toMatchObject({ state: 'spool', progress: 0 });
  });

  test('a retry of the same instances stays the same revision', async () => {
    const uid = await newSeries();
    const revision = await analyse(uid);
    await commit((tx) =>
      changeState(tx, uid, { to: 'failed', code: 'RAUNET_INFERENCE', revision, sentence: 'Crashed.' }),
    );
    expect(await commit((tx) => retrySeries(tx, uid, 'admin', CONFIGURED))).toEqual({ kind: 'analyse' });
    expect(await close(uid)).toBe(revision);
  });

  test('a waiting delivery of an older revision is superseded by the results of a newer one', async () => {
    const uid = await newSeries();
    const [first] = await deliverable(uid);
    await record(received(uid, 3));
    await deliverable(uid);
    expect(await commit((tx) => beginDelivery(tx, first!))).toBeNull();
    expect((await seriesDetail(database.pool, uid))!.deliveries.map((d) => d.state)).toEqual([
      'superseded',
      'waiting',
    ]);
  });

  test('an older delivery that was under way may still end as sent; the series goes on undisturbed', async () => {
    const uid = await newSeries();
    const [first] = await deliverable(uid);
    await record(received(uid, 3));
    await outcome(first!, 'sent');
    expect(await state(uid)).toBe('spool');
  });
});

describe('states', () => {
  test('an illegal step is refused and changes nothing', async () => {
    const uid = await newSeries();
    await expect(commit((tx) => changeState(tx, uid, { to: 'mask', sentence: '' }))).rejects.toThrow(
      /RAUNET_STATE.*spool -> mask/,
    );
    await expect(commit((tx) => changeState(tx, '9.9', { to: 'series', sentence: '' }))).rejects.toThrow(
      'unknown series',
    );
    expect(await state(uid)).toBe('spool');
    expect((await seriesDetail(database.pool, uid))!.events).toHaveLength(1);
  });

  test('an analysis whose process died begins anew at volume', async () => {
    const uid = await newSeries();
    const revision = (await close(uid))!;
    for (const to of ['volume', 'tensor', 'inference', 'volume'] as const)
      await commit((tx) => changeState(tx, uid, { to, revision, sentence: to }));
    await setProgress(database.pool, uid, revision, 0.25);
    expect(await findSeries(database.pool, uid)).toMatchObject({ state: 'volume', progress: 0.25 });
  });

  test('every change stands in the history with its reason, oldest first', async () => {
    const uid = await newSeries(1);
    const revision = (await close(uid))!;
    await commit((tx) =>
      changeState(tx, uid, { to: 'failed', code: 'RAUNET_CORRUPT_PIXELS', revision, sentence: 'Slice 7.' }),
    );
    const { events, code, reason } = (await seriesDetail(database.pool, uid))!;
    expect(events.map((event) => [event.state, event.code, event.sentence, event.actor])).toEqual([
      ['spool', null, 'The first instance arrived from CT1.', 'service'],
      ['series', null, 'Quiet.', 'service'],
      ['failed', 'RAUNET_CORRUPT_PIXELS', 'Slice 7.', 'service'],
    ]);
    expect([code, reason]).toEqual(['RAUNET_CORRUPT_PIXELS', 'Slice 7.']);
  });

  test('a series is closed once: a second closing says that there is nothing to do', async () => {
    const uid = await newSeries();
    expect(await close(uid)).toBe(1);
    expect(await close(uid)).toBeNull();
  });
});

describe('results and delivery', () => {
  test('the series is done when the last destination has everything', async () => {
    const uid = await newSeries();
    const [a, b] = await deliverable(uid, ['a', 'b']);
    expect(await commit((tx) => beginDelivery(tx, a!))).toBe('send');
    await outcome(a!, 'sent');
    expect(await state(uid)).toBe('delivery');
    await outcome(b!, 'waiting', new RaunetError('RAUNET_DESTINATION_DOWN'));
    expect(await state(uid)).toBe('delivery');
    await outcome(b!, 'sent');
    await outcome(b!, 'sent');
    expect(await findSeries(database.pool, uid)).toMatchObject({
      state: 'done',
      code: null,
      finishedAt: expect.any(Date),
    });
  });

  test('a dead delivery fails the series with its code; a retry delivers only there, then the series is done', async () => {
    const uid = await newSeries();
    const [a, b] = await deliverable(uid, ['a', 'b']);
    await outcome(a!, 'sent');
    await outcome(b!, 'dead', new RaunetError('RAUNET_NOT_ACCEPTED', { destination: 'b' }));
    expect(await findSeries(database.pool, uid)).toMatchObject({
      state: 'failed',
      code: 'RAUNET_NOT_ACCEPTED',
    });
    expect(await commit((tx) => retrySeries(tx, uid, 'admin', CONFIGURED))).toEqual({
      kind: 'deliver',
      revision: 1,
      destinations: ['b'],
    });
    expect(await commit((tx) => beginDelivery(tx, a!))).toBeNull();
    await outcome(b!, 'sent');
    expect(await state(uid)).toBe('done');
  });

  test('a series whose files and results retention erased cannot be retried: it stays what it was', async () => {
    for (const end of ['sent', 'dead'] as const) {
      const uid = await newSeries();
      const [key] = await deliverable(uid);
      await outcome(key!, end, end === 'dead' ? new RaunetError('RAUNET_STORE_REFUSED', {}) : undefined);
      const ended = await state(uid);
      await eraseSeries(database.pool, { seriesUid: uid, studyUid: '1.2.3' }, 0, async () => {});
      await expect(commit((tx) => retrySeries(tx, uid, 'admin', CONFIGURED))).rejects.toThrow(
        'send the series again',
      );
      expect(await state(uid)).toBe(ended);
    }
  });

  test('what came after a cancelled series was erased can be analysed', async () => {
    const uid = await newSeries();
    await commit((tx) => cancelSeries(tx, uid, 'admin'));
    await eraseSeries(database.pool, { seriesUid: uid, studyUid: '1.2.3' }, 0, async () => {});
    await record(received(uid, 3));
    expect(await commit((tx) => retrySeries(tx, uid, 'admin', CONFIGURED))).toEqual({ kind: 'analyse' });
    expect(await instancesOf(database.pool, uid)).toHaveLength(1);
  });

  test('a retry analyses what came after the series was cancelled: the old results are not all there is', async () => {
    const uid = await newSeries();
    await deliverable(uid);
    await commit((tx) => cancelSeries(tx, uid, 'admin'));
    await record(received(uid, 3));
    expect(await commit((tx) => retrySeries(tx, uid, 'admin', CONFIGURED))).toEqual({ kind: 'analyse' });
    expect(await close(uid)).toBe(2);
  });

  // Found by reading: the retry sent what was not there, again and again.
  test('a delivery whose result files are gone: a retry makes them again, as new instances, for every destination', async () => {
    const uid = await newSeries();
    const [a, b] = await deliverable(uid, ['a', 'b']);
    const [lost] = await resultsOf(database.pool, uid, 1);
    await outcome(a!, 'sent');
    await outcome(b!, 'dead', new RaunetError('RAUNET_RESULT_MISSING', { destination: 'b' }));
    expect(await commit((tx) => retrySeries(tx, uid, 'admin', CONFIGURED))).toEqual({ kind: 'analyse' });
    expect(await state(uid)).toBe('spool');
    expect(await findResult(database.pool, lost!.sopInstanceUid)).toBeNull();
    expect(await erasuresOf(database.pool, uid)).toMatchObject({ times: 1 });
    const again = await deliverable(uid, ['a', 'b']);
    expect(again.map(({ revision }) => revision)).toEqual([2, 2]);
    for (const key of again) expect(await commit((tx) => beginDelivery(tx, key))).toBe('send');
    expect((await seriesDetail(database.pool, uid))!.deliveries).toMatchObject([
      { revision: 1, state: 'sent' },
      { revision: 1, state: 'superseded' },
      { revision: 2, state: 'waiting' },
      { revision: 2, state: 'waiting' },
    ]);
  });

  test('sent is final, and an attempt that ends after its delivery was superseded or cancelled revives nothing', async () => {
    const uid = await newSeries();
    const [first] = await deliverable(uid);
    await record(received(uid, 3));
    const [second] = await deliverable(uid);
    const states = async () => (await seriesDetail(database.pool, uid))!.deliveries.map((d) => d.state);
    await outcome(first!, 'waiting', new RaunetError('RAUNET_DESTINATION_DOWN'));
    await outcome(first!, 'dead', new RaunetError('RAUNET_NOT_ACCEPTED'));
    expect(await states()).toEqual(['superseded', 'waiting']);
    await commit((tx) => cancelSeries(tx, uid, 'admin'));
    await outcome(second!, 'waiting', new RaunetError('RAUNET_DESTINATION_DOWN'));
    expect(await states()).toEqual(['superseded', 'dead']);
    await outcome(first!, 'sent');
    await outcome(second!, 'sent');
    await outcome(second!, 'dead');
    expect(await states()).toEqual(['sent', 'sent']);
    expect(await state(uid)).toBe('cancelled');
    await expect(outcome({ ...first!, destination: 'unknown' }, 'sent')).rejects.toThrow('RAUNET_STATE');
  });

  test.each([
    ['RAUNET_NOT_AXIAL', 'refused'],
    ['RAUNET_INFERENCE', 'failed'],
  ] as const)(
    'a series whose report of %s is delivered ends as %s, also after a retry of the delivery',
    async (code, end) => {
      const uid = await newSeries();
      const revision = (await close(uid))!;
      await commit((tx) => changeState(tx, uid, { to: 'result', code, sentence: 'Because.', revision }));
      const results = [{ ...resultNamed(`${uid}.sr`, 'sr'), kind: 'SR' as const }];
      await commit((tx) => saveResults(tx, { seriesUid: uid, revision, results, destinations: ['pacs'] }));
      const key = { sourceSeriesUid: uid, revision, destination: 'pacs' };
      await outcome(key, 'dead', new RaunetError('RAUNET_NOT_ACCEPTED'));
      await commit((tx) => retrySeries(tx, uid, 'admin', CONFIGURED));
      await outcome(key, 'sent');
      expect(await findSeries(database.pool, uid)).toMatchObject({ state: end, code, reason: 'Because.' });

      await commit((tx) => retrySeries(tx, uid, 'admin', CONFIGURED));
      const [again] = await deliverable(uid);
      await outcome(again!, 'sent');
      expect(await state(uid)).toBe('done');
    },
  );

  test('results without a destination fail the series, and are kept', async () => {
    const uid = await newSeries();
    const revision = await analyse(uid);
    const results = [resultNamed(`${uid}.100`, 'seg')];
    await commit((tx) => saveResults(tx, { seriesUid: uid, revision, results, destinations: [] }));
    expect(await findSeries(database.pool, uid)).toMatchObject({
      state: 'failed',
      code: 'RAUNET_DESTINATION_UNKNOWN',
    });
    expect(await resultsOf(database.pool, uid, revision)).toHaveLength(1);
  });

  describe('a retry where a destination is in the configuration no more', () => {
    const UNKNOWN = new RaunetError('RAUNET_DESTINATION_UNKNOWN', { destination: 'old' });
    const now = (...routed: string[]) => ({ known: (name: string) => name !== 'old', routed: () => routed });
    const deliveries = async (uid: string) =>
      (await seriesDetail(database.pool, uid))!.deliveries.map((d) => `${d.destination} ${d.state}`);
    const retry = (uid: string, ...given: string[]) =>
      commit((tx) => retrySeries(tx, uid, 'admin', now(...given)));

    /** `a` has its results; `old` got none and was taken out of the configuration. */
    async function withoutOld(): Promise<string> {
      const uid = await newSeries();
      const [a, old] = await deliverable(uid, ['a', 'old']);
      await outcome(a!, 'sent');
      await outcome(old!, 'dead', UNKNOWN);
      expect(await state(uid)).toBe('failed');
      return uid;
    }

    test('its results go to those that the configuration names now, and the series is done', async () => {
      const uid = await withoutOld();
      expect(await retry(uid, 'a', 'new')).toEqual({ kind: 'deliver', revision: 1, destinations: ['new'] });
      expect(await deliveries(uid)).toEqual(['a sent', 'new waiting', 'old superseded']);
      expect((await seriesDetail(database.pool, uid))!.events.at(-1)).toMatchObject({
        actor: 'operator',
        sentence: 'admin asked to deliver again to new.',
      });
      await outcome({ sourceSeriesUid: uid, revision: 1, destination: 'new' }, 'sent');
      expect(await state(uid)).toBe('done');
    });

    test('where those have them all the series is done at once', async () => {
      const uid = await withoutOld();
      expect(await retry(uid, 'a')).toMatchObject({ destinations: [] });
      expect(await state(uid)).toBe('done');
    });

    test('named again, it is the one that gets them', async () => {
      const uid = await withoutOld();
      await retry(uid, 'a', 'new');
      await outcome({ sourceSeriesUid: uid, revision: 1, destination: 'new' }, 'dead', UNKNOWN);
      const swapped = { known: (name: string) => name !== 'new', routed: () => ['a', 'old'] };
      const again = await commit((tx) => retrySeries(tx, uid, 'admin', swapped));
      expect(again).toMatchObject({ destinations: ['old'] });
      expect(await deliveries(uid)).toEqual(['a sent', 'new superseded', 'old waiting']);
    });

    test('where there is still none the retry says so and changes nothing', async () => {
      const uid = await withoutOld();
      const nowhere = {
        known: () => false,
        routed: () => {
          throw UNKNOWN;
        },
      };
      await expect(commit((tx) => retrySeries(tx, uid, 'admin', nowhere))).rejects.toThrow(UNKNOWN);
      expect(await deliveries(uid)).toEqual(['a sent', 'old dead']);
      expect(await state(uid)).toBe('failed');
    });

    test('results that had no destination at all are sent as they are, without a new analysis', async () => {
      const uid = await newSeries();
      const revision = await analyse(uid);
      const results = [resultNamed(`${uid}.100`, 'seg')];
      await commit((tx) => saveResults(tx, { seriesUid: uid, revision, results, destinations: [] }));
      expect(await retry(uid, 'new')).toEqual({ kind: 'deliver', revision, destinations: ['new'] });
      expect(await deliveries(uid)).toEqual(['new waiting']);
    });
  });

  test('one UID never gets other bytes; the same bytes may stand in two revisions', async () => {
    const uid = await newSeries();
    await deliverable(uid);
    await record(received(uid, 3));
    const revision = await analyse(uid);
    const known = `${uid}.1.100`;
    const save = (bytes: string) =>
      commit((tx) =>
        saveResults(tx, {
          seriesUid: uid,
          revision,
          results: [resultNamed(known, bytes)],
          destinations: ['pacs'],
        }),
      );
    await expect(save('other')).rejects.toThrow('RAUNET_RESULT');
    expect(await state(uid)).toBe('result');
    await save('seg');
    expect((await findResult(database.pool, known))!.revision).toBe(1);
    expect(await resultsOf(database.pool, uid, revision)).toHaveLength(1);
  });
});

test('the state of a delivery is written in one place', async () => {
  const folder = join(__dirname, '../../../src');
  const files = (await readdir(folder, { recursive: true })).filter((file) => file.endsWith('.ts'));
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')));
  expect(files.filter((_, i) => /UPDATE raunet\.delivery\b[^`]*SET state/.test(texts[i]!))).toEqual([
    join('records', 'delivery-state.ts'),
  ]);
});

describe('operators', () => {
  test('a cancelled series stops its analysis, its deliveries and stays cancelled when more instances come', async () => {
    const uid = await newSeries();
    const revision = await analyse(uid);
    await commit((tx) => cancelSeries(tx, uid, 'admin'));
    await expect(setProgress(database.pool, uid, revision, 0.5)).rejects.toThrow('RAUNET_CANCELLED');
    await expect(
      commit((tx) => changeState(tx, uid, { to: 'delivery', revision, sentence: '' })),
    ).rejects.toThrow('RAUNET_CANCELLED');
    expect(await record(received(uid, 3))).toBe('new');
    expect(await findSeries(database.pool, uid)).toMatchObject({
      state: 'cancelled',
      code: 'RAUNET_CANCELLED',
      instances: 3,
    });
    await expect(commit((tx) => cancelSeries(tx, uid, 'admin'))).rejects.toThrow('RAUNET_STATE');

    await commit((tx) => retrySeries(tx, uid, 'admin', CONFIGURED));
    expect(await close(uid)).toBe(revision + 1);
  });

  test('cancelling during delivery keeps what waits from being sent, until it is retried', async () => {
    const uid = await newSeries();
    const [key] = await deliverable(uid);
    await commit((tx) => cancelSeries(tx, uid, 'admin'));
    expect(await commit((tx) => beginDelivery(tx, key!))).toBeNull();
    expect(await commit((tx) => retrySeries(tx, uid, 'admin', CONFIGURED))).toMatchObject({
      kind: 'deliver',
    });
    expect(await commit((tx) => beginDelivery(tx, key!))).toBe('send');
  });

  test('a series at work cannot be retried, and the priority change stands in the history as the operator’s', async () => {
    const uid = await newSeries();
    await expect(commit((tx) => retrySeries(tx, uid, 'admin', CONFIGURED))).rejects.toThrow('RAUNET_STATE');
    await commit((tx) => changePriority(tx, uid, 'stat', 'Dr. A'));
    const { priority, events } = (await seriesDetail(database.pool, uid))!;
    expect(priority).toBe('stat');
    expect(events.at(-1)).toMatchObject({ actor: 'operator', sentence: 'Dr. A set the priority to stat.' });
  });
});

describe('lost files', () => {
  test('a missing file fails an unfinished series; sending it again heals it', async () => {
    const uid = await newSeries();
    const { file } = received(uid, 1);
    await commit((tx) => markLost(tx, uid, [file], 'RAUNET_SPOOL_MISSING'));
    expect(await findSeries(database.pool, uid)).toMatchObject({
      state: 'failed',
      code: 'RAUNET_SPOOL_MISSING',
    });
    expect(await record(received(uid, 1))).toBe('restored');
    expect(await findSeries(database.pool, uid)).toMatchObject({ state: 'spool', instances: 2 });
    expect(await close(uid)).toBe(1);
  });

  test('a lost instance that comes in another file, as by way of another AE, takes its place', async () => {
    const uid = await newSeries();
    await commit((tx) => markLost(tx, uid, [received(uid, 1).file], 'RAUNET_SPOOL_ALTERED'));
    const again = received(uid, 1, 'the same data set, other group 2');
    expect(await record(again)).toBe('restored');
    expect((await seriesDetail(database.pool, uid))!.conflicts).toEqual([]);
    expect(await instancesOf(database.pool, uid)).toMatchObject([
      { sha256: again.sha256, file: again.file, lost: false },
      { sopInstanceUid: `${uid}.2` },
    ]);
    expect(await record(received(uid, 1, 'a third file'))).toBe('conflicting');
    expect(await close(uid)).toBe(1);
  });

  test('a series with a lost instance is not closed for analysis', async () => {
    const uid = await newSeries();
    await commit((tx) =>
      markLost(tx, uid, [received(uid, 1).file, received(uid, 2).file], 'RAUNET_SPOOL_ALTERED'),
    );
    await record(received(uid, 1));
    await expect(close(uid)).rejects.toThrow(/RAUNET_SPOOL_MISSING.*1 files/);
  });

  test('of a finished series it is only noted', async () => {
    const uid = await newSeries();
    const [key] = await deliverable(uid);
    await outcome(key!, 'sent');
    await commit((tx) => markLost(tx, uid, [received(uid, 1).file], 'RAUNET_SPOOL_MISSING'));
    const { state: now, events } = (await seriesDetail(database.pool, uid))!;
    expect([now, events.at(-1)!.code]).toEqual(['done', 'RAUNET_SPOOL_MISSING']);
  });
});

test('the list is paged newest first without gaps or doubles, and filtered', async () => {
  const uids: string[] = [];
  for (let i = 0; i < 7; i++) {
    const uid = `7.7.${i}`;
    uids.push(uid);
    await record({
      ...received(uid, 1),
      studyUid: '7.7',
      receivedAt: new Date(2030, 0, 1 + Math.floor(i / 2)),
    });
  }
  const pages: string[] = [];
  let after: { firstReceivedAt: Date; seriesUid: string } | undefined;
  for (;;) {
    const page = await seriesList(database.pool, { studyUid: '7.7', limit: 3, ...(after ? { after } : {}) });
    pages.push(...page.map(({ seriesUid }) => seriesUid));
    if (page.length < 3) break;
    after = page.at(-1)!;
  }
  expect(pages).toEqual([...uids].reverse());
  expect(await seriesList(database.pool, { studyUid: '7.7', since: new Date(2030, 0, 4) })).toHaveLength(1);
  expect(await seriesList(database.pool, { studyUid: '7.7', states: ['done'] })).toEqual([]);
});
