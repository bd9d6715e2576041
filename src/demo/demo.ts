import { copyFile, mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startApp } from '../app';
import { openBar } from '../cli/bar';
import { readDicomFolder } from '../cli/dicom-folder';
import { EXIT, type ExitCode } from '../cli/exit-codes';
import { writePhantom } from '../cli/phantom';
import { loadConfig } from '../config/load';
import { type Config, configSchema } from '../config/schema';
import { sendAll } from '../delivery/send';
import type { Deliverable } from '../delivery/types';
import { removeElsewhere } from '../jobs/embedded/home';
import { toRaunetError } from '../lib/errors';
import { createLog, type Log } from '../lib/log';
import { showOutcome } from './outcome';
import { type Received, startReceiver } from './receiver';
import { watchSeries } from './watch';

export interface DemoOptions {
  /** Folder of real DICOM; null: the phantom. */
  series: string | null;
  /** Everything is written below it; what an earlier demo left there goes. */
  out: string;
}

/**
 * The main job, once, over real associations: push a series to the service, wait, take its results back into a small
 * SCP, and show what was found. Status 0 only when the results came back.
 */
export async function runDemo(
  { series, out }: DemoOptions,
  print: (line: string) => void,
): Promise<ExitCode> {
  const started = performance.now();
  // Before anything of an earlier demo goes.
  const given = series === null ? null : await onlySeries(series);
  await mkdir(out, { recursive: true });
  await removeElsewhere(join(out, 'service'));
  for (const folder of ['phantom', 'service', 'received', 'SEG.dcm', 'SR.dcm', 'SC.dcm', 'overlay.png'])
    await rm(join(out, folder), { recursive: true, force: true });
  const logFile = join(out, 'service.log');
  const { log, closeLog } = await fileLog(logFile);
  const stops: (() => Promise<void>)[] = [closeLog];
  const bar = openBar();
  try {
    print(series === null ? 'Making a phantom chest CT (60 slices, 512 x 512) ...' : `Reading ${series} ...`);
    const phantom = series === null ? await writePhantom(join(out, 'phantom')) : null;
    const files = given ?? (await onlySeries(join(out, 'phantom')));

    const receiver = await startReceiver(join(out, 'received'), log);
    stops.push(() => receiver.listener.close(false));
    print('Starting the service (embedded PostgreSQL, ONNX Runtime on the CPU) ...');
    const config = demoConfig(join(out, 'service'), receiver.listener.port);
    const app = await startApp(config, log, (error) => log.error('The service cannot go on', { error }));
    stops.push(app.stop);

    print(`Pushing ${files.deliverables.length} instances over DICOM to port ${app.dicomPort} ...`);
    const outcomes = await sendAll(target(app.dicomPort!), files.deliverables, { ourAe: 'DEMO', log });
    const refused = outcomes.find(({ error }) => error !== null);
    if (refused?.error) throw refused.error;

    const status = await watchSeries(`http://127.0.0.1:${app.adminPort}`, files.seriesUid, (stage, done) =>
      bar.show(stage, done),
    );
    bar.end();
    if (status.state !== 'done') {
      print(`\nThe series ended as ${status.state}: ${status.reason ?? 'no reason given'}`);
      await listFiles(receiver.received, out, print);
      return EXIT.failed;
    }
    await showOutcome(
      { files: files.deliverables, received: receiver.received, status, truth: phantom, out },
      print,
    );
    await listFiles(receiver.received, out, print);
    print(`\nDone in ${((performance.now() - started) / 1000).toFixed(0)} s.`);
    return EXIT.ok;
  } catch (error) {
    bar.end();
    print(`\nThe demo failed. ${toRaunetError(error).message}\nThe log of the service is ${logFile}`);
    return EXIT.failed;
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

/** The defaults, but for ports, folder and a short quiet time. */
function demoConfig(dataDir: string, receiverPort: number): Config {
  const defaults = loadConfig(null);
  return configSchema.parse({
    ...defaults,
    dataDir,
    association: { ...defaults.association, port: 0 },
    admin: { ...defaults.admin, port: 0 },
    series: { ...defaults.series, quietSeconds: 1 },
    inference: { ...defaults.inference, providers: ['cpu'] },
    maintenance: { ...defaults.maintenance, minFreeMegabytes: 200 },
    delivery: { destinations: [{ name: 'demo', aeTitle: 'DEMO', host: '127.0.0.1', port: receiverPort }] },
  });
}

const target = (port: number) =>
  configSchema.parse({
    delivery: {
      destinations: [{ name: 'raunet', aeTitle: 'RAUNET', host: '127.0.0.1', port, responseSeconds: 30 }],
    },
  }).delivery.destinations[0]!;

/** The largest series of a folder. */
async function onlySeries(folder: string): Promise<{ seriesUid: string; deliverables: Deliverable[] }> {
  const { series } = await readDicomFolder(folder);
  const [largest] = [...series].sort((a, b) => b[1].length - a[1].length);
  return { seriesUid: largest![0], deliverables: largest![1] };
}

/** The service's log lines go to a file, so that the story on the terminal stays readable. */
async function fileLog(file: string): Promise<{ log: Log; closeLog: () => Promise<void> }> {
  await writeFile(file, '');
  const { createWriteStream } = await import('node:fs');
  const stream = createWriteStream(file, { flags: 'a', mode: 0o600 });
  return {
    log: createLog('info', stream),
    closeLog: () => new Promise((done) => stream.end(() => done())),
  };
}

/** Copies what came back to names that a person can read. */
async function listFiles(
  received: readonly Received[],
  out: string,
  print: (line: string) => void,
): Promise<void> {
  print('\n  Received from the service:');
  for (const { kind, file } of received) {
    const copy = join(out, `${kind}.dcm`);
    await copyFile(file, copy);
    print(`    ${kind.padEnd(4)} ${copy} (${((await stat(copy)).size / 1e6).toFixed(2)} MB)`);
  }
  print(`  Log of the service: ${join(out, 'service.log')}`);
}
