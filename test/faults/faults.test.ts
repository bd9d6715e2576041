import { spawn } from 'node:child_process';
import { chmod, cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../fixtures/peer-tools';
import { freePort } from '../fixtures/ports';
import type { SeriesDetail, Service } from '../fixtures/service';
import { until } from '../fixtures/until';
import { type Archive, startArchive } from './archive';
import { FAULTS, faulty, startFaultyDestinations } from './faulty-destinations';
import { CONTRACT_FOLDER, oneFaultAtATime, pushed } from './one-fault';
import { familyOf, kill } from './processes';

// One fault of peers, processes or the clock at a time, each in the real service as a process of its own: it ends in the
// right state with the right code, and heals without a hand where it can. Root is needed: for limits of processes.
jest.setTimeout(20 * 60_000);

const { folder, fresh, start, passed } = oneFaultAtATime({ series: 7, seed: 5000 });

async function ask(service: Service, seriesUid: string, action: 'retry' | 'cancel'): Promise<void> {
  const url = `http://127.0.0.1:${service.adminPort}/api/series/${seriesUid}/${action}`;
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
  expect(answer.status).toBe(200);
}

test('destinations that are down, slow, refuse, reject, drop or never answer: each delivery by itself ends as its table says', async () => {
  const faulties = await startFaultyDestinations();
  const downPort = await freePort();
  let late: Archive | undefined;
  try {
    const configs = [...faulties.configs, faulty('down', downPort)];
    const service = await start({
      // One C-ECHO when the service starts, and no more: it is the first connection that each destination sees.
      maintenance: { minFreeMegabytes: 500, echoCron: '0 0 1 1 *' },
      delivery: { destinations: configs, rules: [{ to: configs.map(({ name }) => name) }] },
    });
    const phantom = fresh();
    await pushed(service, phantom);
    const seen = new Map<string, Set<string | null>>();
    const look = async (): Promise<SeriesDetail['deliveries']> => {
      const { deliveries } = (await service.series(phantom.seriesUid)) as SeriesDetail & {
        deliveries: { code: string | null }[];
      };
      for (const { destination, code } of deliveries as never as {
        destination: string;
        code: string | null;
      }[])
        seen.set(destination, (seen.get(destination) ?? new Set()).add(code));
      return deliveries;
    };
    const expected: [string, string][] = [
      ...Object.entries(FAULTS).map(([name, { ends }]) => [name, ends] as [string, string]),
      ['down', 'sent'],
    ];
    await until(
      'every delivery has ended but the one that is down',
      async () => {
        const states = new Map((await look()).map(({ destination, state }) => [destination, state]));
        return expected.every(([name, ends]) => name === 'down' || states.get(name) === ends);
      },
      180,
    );
    expect(seen.get('down')).toContain('RAUNET_DESTINATION_DOWN');
    late = await startArchive(downPort);
    await until(
      'the one that was down has it all',
      async () =>
        (await look()).every(({ destination, state }) => destination !== 'down' || state === 'sent'),
      60,
    );
    expect(await late.objects()).toHaveLength(3);
    const wrong = Object.entries(FAULTS).filter(
      ([name, { code }]) => code !== null && !seen.get(name)!.has(code),
    );
    expect(wrong.map(([name, { code }]) => [name, code, [...seen.get(name)!]])).toEqual([]);
    passed(expected.length);
  } finally {
    await late?.stop();
    await faulties.stop();
  }
});

test('a second service on the data folder is refused in words, and the first one does not notice', async () => {
  const service = await start();
  const config = join(folder(), 'second.yaml');
  await writeFile(
    config,
    JSON.stringify({
      dataDir: service.dataDir,
      association: { port: await freePort() },
      admin: { port: await freePort() },
      inference: { contract: join(CONTRACT_FOLDER, 'contract.json'), providers: ['cpu'] },
    }),
  );
  const second = spawn(process.execPath, ['dist/main.js', 'serve', '--config', config]);
  let output = '';
  for (const stream of [second.stdout, second.stderr]) stream.on('data', (text) => (output += text));
  const status = await new Promise((done) => second.once('close', done));
  expect([status, output]).toEqual([1, expect.stringContaining('RAUNET_DATA_FOLDER_BUSY')]);
  const phantom = fresh();
  await pushed(service, phantom);
  await service.reached(phantom.seriesUid, ['done'], 120);
  passed(1);
});

test('an inference process that hangs or runs out of memory is replaced, and the series is done', async () => {
  const service = await start();
  const child = async (): Promise<number> =>
    (await familyOf(service.pid(), service.dataDir))['inference child'][0]!;
  const hung = await child();
  process.kill(hung, 'SIGSTOP');
  const first = fresh();
  await pushed(service, first);
  await service.reached(first.seriesUid, ['done'], 180);
  expect(await child()).not.toBe(hung);

  const starved = await child();
  await run('prlimit', '--pid', String(starved), `--as=${await addressSpace(starved)}`, '--data=0');
  const second = fresh();
  await pushed(service, second);
  await service.reached(second.seriesUid, ['done'], 180);
  expect(await child()).not.toBe(starved);
  passed(2);
});

/** Bytes that a process has mapped. */
const addressSpace = async (pid: number): Promise<number> =>
  1024 * Number(/VmSize:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))![1]);

test('a model file that is replaced while the service runs is refused, and what it would say is never sent', async () => {
  const models = join(folder(), 'models');
  await cp(CONTRACT_FOLDER, models, { recursive: true });
  const service = await start({ inference: { contract: join(models, 'contract.json') } });
  const file = join(models, 'tiny.onnx');
  const original = await readFile(file);
  // A field that no reader knows: the same network, another file.
  await writeFile(file, Buffer.concat([original, Buffer.from([0xa2, 0x3e, 0x01, 0x41])]));
  kill((await familyOf(service.pid(), service.dataDir))['inference child']);
  const phantom = fresh();
  await pushed(service, phantom);
  const { series, results } = await service.reached(phantom.seriesUid, ['done', 'refused', 'failed'], 120);
  expect(results.map(({ kind }) => kind)).not.toContain('SEG');
  expect(series).toMatchObject({ code: 'RAUNET_MODEL' });
  await writeFile(file, original);
  await until(
    'the service is ready again',
    async () => (await fetch(`http://127.0.0.1:${service.adminPort}/ready`)).ok,
    120,
  );
  await ask(service, phantom.seriesUid, 'retry');
  await until(
    'the series is analysed',
    async () => {
      const { results: made, series: now } = await service.series(phantom.seriesUid);
      return now.state === 'done' && made.some(({ kind }) => kind === 'SEG');
    },
    120,
  );
  passed(1);
});

test('a clock that jumps back or forth by a day stops no series and no delivery', async () => {
  const time = join(folder(), 'time');
  const set = async (offset: string): Promise<void> => {
    await writeFile(time, offset);
    await chmod(time, 0o644);
  };
  await set('+0');
  const downPort = await freePort();
  const service = await start(
    { delivery: { destinations: [faulty('late', downPort)], rules: [{ to: ['late'] }] } },
    {
      environment: {
        LD_PRELOAD: await libfaketime(),
        FAKETIME_TIMESTAMP_FILE: time,
        FAKETIME_NO_CACHE: '1',
        // A jump of the clock of the wall: the other one only ever goes on.
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
      },
    },
  );
  const [back, forth] = [fresh(), fresh()];
  await pushed(service, back);
  await set('-86400');
  await service.reached(back.seriesUid, ['delivery'], 120);
  await set('-172800');
  const late = await startArchive(downPort);
  try {
    await service.reached(back.seriesUid, ['done'], 120);
    await pushed(service, forth);
    await set('+86400');
    await service.reached(forth.seriesUid, ['done'], 120);
    expect(await late.objects()).toHaveLength(6);
  } finally {
    await late.stop();
  }
  passed(2);
});

async function libfaketime(): Promise<string> {
  const { stdout } = await run('sh', '-c', 'ls /usr/lib/*/faketime/libfaketimeMT.so.1').catch(() => {
    throw new Error('libfaketime is missing: run .ci/install-peers.sh');
  });
  return stdout.trim();
}
