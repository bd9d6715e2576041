import { appendFile, chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../fixtures/peer-tools';
import { freePort } from '../fixtures/ports';
import { startPostgres } from '../fixtures/postgres';
import type { Service } from '../fixtures/service';
import { until } from '../fixtures/until';
import { startArchive } from './archive';
import { figure, random } from './frame';
import { lostOf, wrongResults } from './invariants';
import { oneFaultAtATime, push, pushed, pushUntilStored } from './one-fault';
import type { Phantom } from './phantoms';
import { OUT_OF_RESOURCES, openSender, SUCCESS } from './sender';

// One fault of what is kept at a time: files, disks, the database. Root is needed: for small file systems.
jest.setTimeout(20 * 60_000);

const { folder, archive, fresh, start, passed } = oneFaultAtATime({ series: 12, seed: 5100 });

const pathIn = (service: Service, { studyUid, seriesUid, files }: Phantom, n: number): string =>
  join(service.dataDir, 'spool', studyUid, seriesUid, `${files[n]!.sopInstanceUid}.dcm`);

test('received files that vanish or change before the analysis are found out, and sending again heals', async () => {
  const service = await start();
  const [gone, altered] = [fresh(), fresh()];
  await pushed(service, gone);
  // The one whose header is looked at when the series is complete; of another one the analysis finds out.
  const sampled = gone.files.map(({ sopInstanceUid }) => sopInstanceUid).sort()[gone.files.length >> 1]!;
  for (const n of [3, gone.files.findIndex(({ sopInstanceUid }) => sopInstanceUid === sampled)])
    await rm(pathIn(service, gone, n), { force: true });
  await pushed(service, altered);
  const victim = pathIn(service, altered, 4);
  const bytes = await readFile(victim);
  bytes[bytes.length - 9]! ^= 4;
  await writeFile(victim, bytes);
  const ends = ['done', 'failed', 'refused'];
  expect((await service.reached(gone.seriesUid, ends, 120)).series).toMatchObject({
    state: 'failed',
    code: 'RAUNET_SPOOL_MISSING',
  });
  expect((await service.reached(altered.seriesUid, ends, 120)).series).toMatchObject({
    state: 'failed',
    code: 'RAUNET_SPOOL_ALTERED',
  });
  for (const phantom of [gone, altered]) {
    await pushed(service, phantom);
    await service.reached(phantom.seriesUid, ['done'], 120);
    const sent = phantom.files.map(({ path }) => path);
    expect(await lostOf(service.dataDir, [phantom], sent)).toEqual([]);
  }
  passed(2);
});

test('results that vanish or change while their destination is down are never sent; a retry makes them again', async () => {
  const port = await freePort();
  const pacs = {
    name: 'pacs',
    aeTitle: 'ORTHANC',
    host: '127.0.0.1',
    port,
    retrySeconds: 3,
    retryMaxSeconds: 3,
  };
  const service = await start({ delivery: { destinations: [pacs] } });
  const phantoms = [fresh(), fresh()];
  const victims: string[] = [];
  for (const phantom of phantoms) {
    await pushed(service, phantom);
    const { results } = await service.reached(phantom.seriesUid, ['delivery'], 120);
    const report = results.find(({ kind }) => kind === 'SR')!;
    victims.push(join(service.dataDir, 'results', phantom.seriesUid, `${report.sopInstanceUid}.dcm`));
  }
  await rm(victims[0]!);
  await appendFile(victims[1]!, 'x');
  for (const { seriesUid } of phantoms)
    expect((await service.reached(seriesUid, ['done', 'failed'], 60)).series).toMatchObject({
      state: 'failed',
      code: 'RAUNET_RESULT_MISSING',
    });
  const late = await startArchive(port);
  try {
    for (const phantom of phantoms) {
      const retry = `http://127.0.0.1:${service.adminPort}/api/series/${phantom.seriesUid}/retry`;
      const json = { 'content-type': 'application/json' };
      expect((await fetch(retry, { method: 'POST', headers: json, body: '{}' })).status).toBe(200);
      const detail = await service.reached(phantom.seriesUid, ['done'], 120);
      const holdings = { objects: await late.objects(), verbatim: true };
      expect(await wrongResults(service.dataDir, phantom, detail, holdings)).toEqual([]);
    }
  } finally {
    await late.stop();
  }
  passed(2);
});

test('a full disk under the spool: what does not fit is refused as out of resources, and all is taken when there is room', async () => {
  const dataDir = join(folder(), 'full-spool');
  const spool = join(dataDir, 'spool');
  await mkdir(spool, { recursive: true });
  await run('mount', '-t', 'tmpfs', '-o', 'size=128k', 'tmpfs', spool);
  try {
    // Without a watermark, which would refuse the association before the disk is full.
    const service = await start({ maintenance: { minFreeMegabytes: 0 } }, { dataDir });
    const phantom = fresh();
    const stored = await push(service, phantom);
    expect(stored.length).toBeGreaterThan(3);
    expect(stored.length).toBeLessThan(phantom.files.length);
    await run('mount', '-o', 'remount,size=64m', spool);
    await pushUntilStored(service, phantom, 60);
    const { series } = await service.reached(phantom.seriesUid, ['done'], 120);
    expect(series.instances).toBe(phantom.files.length);
    await service.dispose();
    passed(1);
  } finally {
    await run('umount', '-l', spool);
  }
});

test('a full disk under the database: nothing is acknowledged that is not on record, and it heals when there is room', async () => {
  const dataDir = join(folder(), 'full-database');
  const database = join(dataDir, 'postgres');
  await mkdir(database, { recursive: true });
  await chmod(dataDir, 0o711);
  await run('mount', '-t', 'tmpfs', '-o', 'size=300m,mode=700', 'tmpfs', database);
  try {
    const service = await start({ maintenance: { minFreeMegabytes: 1 } }, { dataDir });
    const [before, during] = [fresh(), fresh()];
    await pushed(service, before);
    await run('sh', '-c', `dd if=/dev/zero of=${database}/ballast bs=64k 2>/dev/null || true`);
    // The write-ahead log has its space already and is written over: it takes some until more is needed.
    const stored: string[] = [];
    for (let n = 0; n < 5; n++) stored.push(...(await push(service, during)));
    await rm(join(database, 'ballast'));
    await pushUntilStored(service, during, 120);
    for (const { seriesUid, files } of [before, during]) {
      const { series } = await service.reached(seriesUid, ['done'], 180);
      expect(series.instances).toBe(files.length);
    }
    expect(await lostOf(service.dataDir, [during], stored)).toEqual([]);
    await service.dispose();
    passed(1);
  } finally {
    await run('umount', '-l', database);
  }
});

/** The database is gone for so long. */
const MINUTE_MS = 60_000;
/** An association that was under way when it went may last so long. */
const SETTLED_MS = 10_000;

test('a database that is gone for a minute while two senders send: each instance is answered A700 until it is back, and nothing acknowledged is lost', async () => {
  const postgres = await startPostgres({ user: 'raunet', password: 'secret', database: 'raunet' });
  try {
    const url = `postgres://raunet:secret@127.0.0.1:${postgres.port}/raunet`;
    const service = await start({ database: { url }, delivery: { rules: [{ to: ['pacs'] }] } });
    const before = fresh();
    await pushed(service, before);
    const series = [
      [fresh(), fresh()],
      [fresh(), fresh()],
    ];
    const senders = series.map((_, n) =>
      openSender(`SENDER${n + 1}`, () => service.dicomPort, random(`minute ${n}`), { repeats: 0 }),
    );
    const count = (answer: string): number[] => senders.map(({ answers }) => answers.get(answer) ?? 0);
    const total = (answer: string): number => count(answer).reduce((sum, n) => sum + n, 0);
    const ready = async (): Promise<number> =>
      (await fetch(`http://127.0.0.1:${service.adminPort}/ready`)).status;

    // The first series of each is under way, or just in, when the database goes; the second is sent into the gap.
    const sending = senders.map(async (sender, n) => {
      for (const phantom of series[n]!) await sender.deliver(phantom);
    });
    await until('the first instance is acknowledged', () => total(SUCCESS) > 0);
    await postgres.pause(async () => {
      await sleep(SETTLED_MS);
      const [acknowledged, refused] = [total(SUCCESS), count(OUT_OF_RESOURCES)];
      expect(await ready()).toBe(503);
      await sleep(MINUTE_MS - SETTLED_MS);
      expect(total(SUCCESS)).toBe(acknowledged);
      // To the end each of them was answered, and so.
      for (const [n, now] of count(OUT_OF_RESOURCES).entries()) expect(now).toBeGreaterThan(refused[n]!);
      expect(await ready()).toBe(503);
    });
    const back = Date.now();
    await until('the service is ready', async () => (await ready()) === 200, 60);
    figure('seconds until the service was ready again', ((Date.now() - back) / 1000).toFixed(1));
    await Promise.all(sending);

    const all = [before, ...series.flat()];
    const details = await Promise.all(
      all.map(({ seriesUid }) => service.reached(seriesUid, ['done', 'refused', 'failed'], 600)),
    );
    const acknowledged = senders.flatMap((sender) => [...sender.acknowledged.keys()]);
    figure('instances answered A700 in the minute without a database', total(OUT_OF_RESOURCES));
    figure('instances answered with Success before and after', acknowledged.length);
    expect(new Set(senders.flatMap(({ answers }) => [...answers.keys()]))).toEqual(
      new Set([SUCCESS, OUT_OF_RESOURCES]),
    );
    expect(await lostOf(service.dataDir, all, acknowledged)).toEqual([]);
    expect(details.map(({ series: { state, reason, instances } }) => ({ state, reason, instances }))).toEqual(
      all.map(({ files }) => ({ state: 'done', reason: null, instances: files.length })),
    );
    const objects = await archive().objects();
    for (const [k, phantom] of all.entries())
      expect(await wrongResults(service.dataDir, phantom, details[k]!, { objects, verbatim: true })).toEqual(
        [],
      );
    await service.dispose();
    passed(1);
  } finally {
    await postgres.stop();
  }
});
