import { resolve } from 'node:path';
import type { Config, DestinationConfig } from '../config/schema';
import { type RaunetError, toRaunetError } from '../lib/errors';
import type { Inference } from '../inference/types';
import { certificateFindings } from '../steps/certificates';
import { EXIT, type ExitCode } from './exit-codes';
import type { DataFolderProbe } from './probes';

/** `--`: neither good nor bad, e.g. a provider that is not used. */
type Mark = 'OK' | 'NG' | '--';

interface Finding {
  mark: Mark;
  name: string;
  /** What was found; where NG, what to do. */
  sentence: string;
}

export interface DoctorDeps {
  config: Config;
  /** As `process.version`. */
  nodeVersion: string;
  print(line: string): void;
  now(): Date;
  /** Checks the model and opens it on the first provider that works. */
  openInference(): Promise<Pick<Inference, 'model' | 'findings' | 'close'>>;
  /**
   * `version`: what the server is, in words. A string alone: what the first start will make. Throws
   * RAUNET_DATA_FOLDER_FOREIGN where its records are of another data folder.
   */
  openDatabase(): Promise<{ version: string; stop(): Promise<void> } | string>;
  /** Round trip in ms. */
  echo(destination: DestinationConfig): Promise<number>;
  /** Null before the first start. Throws RAUNET_FOLDER_FOREIGN where spool or results is not mounted. */
  probeDataFolder(): Promise<DataFolderProbe | null>;
  isPortFree(host: string, port: number): Promise<boolean>;
  /** Null where the system does not tell. */
  isClockSynchronised(): Promise<boolean | null>;
}

/** `raunet doctor`: one line for each thing that the service needs. */
export async function doctor(deps: DoctorDeps): Promise<ExitCode> {
  const { config, print } = deps;
  const checks: readonly (readonly [name: string, check: () => Promise<Finding[]>])[] = [
    ['node', () => node(deps)],
    ...(config.roles.includes('analyse') ? [['model', () => model(deps)] as const] : []),
    ['data folder', () => dataFolder(deps)],
    ['database', () => database(deps)],
    ...(config.roles.includes('receive')
      ? [['DICOM port', () => port('DICOM port', config.association, deps)] as const]
      : []),
    ['admin port', () => port('admin port', config.admin, deps)],
    ['certificates', () => certificates(deps)],
    ...(config.roles.includes('deliver') ? config.delivery.destinations : []).map(
      (destination) => [`destination ${destination.name}`, () => pacs(destination, deps)] as const,
    ),
    ['clock', () => clock(deps)],
  ];
  let checked = 0;
  let failed = 0;
  for (const [name, check] of checks) {
    const findings = await check().catch((thrown: unknown) => [failure(name, toRaunetError(thrown))]);
    for (const { mark, name, sentence } of findings) {
      print(`[${mark}] ${name}: ${sentence}`);
      if (mark !== '--') checked += 1;
      if (mark === 'NG') failed += 1;
    }
  }
  print(failed === 0 ? `All ${checked} checks passed.` : `${failed} of ${checked} checks failed.`);
  return failed === 0 ? EXIT.ok : EXIT.failed;
}

const failure = (name: string, error: RaunetError): Finding => ({
  mark: 'NG',
  name,
  sentence: error.message,
});

const when = (good: boolean, name: string, sentence: string): Finding => ({
  mark: good ? 'OK' : 'NG',
  name,
  sentence,
});

const OLDEST_NODE = [20, 19] as const;

function node({ nodeVersion }: DoctorDeps): Promise<Finding[]> {
  const [major = 0, minor = 0] = nodeVersion.replace(/^v/, '').split('.').map(Number);
  const fits = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
  const sentence = `${nodeVersion}, ${process.platform} ${process.arch}`;
  return Promise.resolve([
    when(fits, 'node', fits ? sentence : `${sentence}; install ${OLDEST_NODE.join('.')} or newer`),
  ]);
}

async function model({ openInference, config }: DoctorDeps): Promise<Finding[]> {
  const inference = await openInference();
  const { name, version, sha256 } = inference.model;
  const { findings } = inference;
  await inference.close();
  return [
    when(
      true,
      'model',
      `${name} ${version}, sha256 ${sha256.slice(0, 12)}, as ${config.inference.contract} says`,
    ),
    ...findings.map(
      ({ provider, taken, reason }): Finding => ({
        mark: taken ? 'OK' : '--',
        name: `provider ${provider}`,
        sentence: reason,
      }),
    ),
  ];
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
/** A disk or share that takes longer for each file holds up every sender. */
const SLOW_WRITE_MS = 100;

async function dataFolder({ config, probeDataFolder }: DoctorDeps): Promise<Finding[]> {
  const probe = await probeDataFolder();
  if (probe === null) {
    const sentence = `${resolve(config.dataDir)} is not there yet; the first start makes it`;
    return [{ mark: '--', name: 'data folder', sentence }];
  }
  const { folder, mode, durableWriteMs, freeBytes } = probe;
  const minFreeBytes = config.maintenance.minFreeMegabytes * 1e6;
  // Search alone is let in: started as root, the database runs as another user below this folder.
  const closed = (mode & 0o066) === 0;
  const fast = durableWriteMs < SLOW_WRITE_MS;
  const space = freeBytes >= minFreeBytes;
  return [
    when(
      closed,
      'data folder',
      closed
        ? `${folder} can be written, and only by us`
        : `others may read or write ${folder}; chmod go-rw ${folder}`,
    ),
    when(
      fast,
      'durable write',
      `${durableWriteMs.toFixed(1)} ms a file${fast ? '' : '; put dataDir on a local disk'}`,
    ),
    when(
      space,
      'disk',
      `${gigabytes(freeBytes)} free; below ${gigabytes(minFreeBytes)} new associations are rejected` +
        (space ? '' : ', as now: free some space'),
    ),
  ];
}

async function database({ openDatabase }: DoctorDeps): Promise<Finding[]> {
  try {
    const opened = await openDatabase();
    if (typeof opened === 'string') {
      const sentence = `none yet; the first start makes it, with the ${opened}`;
      return [{ mark: '--', name: 'database', sentence }];
    }
    await opened.stop();
    return [when(true, 'database', opened.version)];
  } catch (thrown) {
    const error = toRaunetError(thrown);
    if (error.code !== 'RAUNET_DATA_FOLDER_BUSY') throw error;
    return [when(true, 'database', 'a running service uses it')];
  }
}

async function port(
  name: string,
  { host, port }: { host: string; port: number },
  { isPortFree }: DoctorDeps,
): Promise<Finding[]> {
  if (await isPortFree(host, port)) return [when(true, name, `${host}:${port} is free`)];
  const sentence = `${host}:${port} is in use: by a running service, or by another program`;
  return [{ mark: '--', name, sentence }];
}

async function certificates({ config, now }: DoctorDeps): Promise<Finding[]> {
  const findings = await certificateFindings(config, now());
  return findings.map(({ name, usable, endsSoon, sentence }) => when(usable && !endsSoon, name, sentence));
}

async function pacs(destination: DestinationConfig, { echo }: DoctorDeps): Promise<Finding[]> {
  const milliseconds = await echo(destination);
  return [when(true, `destination ${destination.name}`, echoed(destination, milliseconds))];
}

const echoed = ({ aeTitle, host, port }: DestinationConfig, milliseconds: number): string =>
  `${aeTitle} at ${host}:${port} answered C-ECHO in ${milliseconds.toFixed(0)} ms`;

/** More, and times in history and reports mislead. */
const MOST_SKEW_MS = 5000;

async function clock({ now, probeDataFolder, isClockSynchronised }: DoctorDeps): Promise<Finding[]> {
  const skewMs = (await probeDataFolder())?.skewMs ?? 0;
  const synchronised = await isClockSynchronised();
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const time = `${now().toISOString()}, zone ${zone}`;
  if (Math.abs(skewMs) > MOST_SKEW_MS)
    return [when(false, 'clock', `${time}; the data folder's clock is ${(skewMs / 1000).toFixed(0)} s off`)];
  if (synchronised === false)
    return [when(false, 'clock', `${time}; not synchronised, switch NTP on (timedatectl set-ntp true)`)];
  return [when(true, 'clock', synchronised ? `${time}, synchronised` : time)];
}

/** `raunet echo NAME`: C-ECHO to a configured destination. */
export async function echoCommand(
  name: string,
  { config, echo, print }: Pick<DoctorDeps, 'config' | 'echo' | 'print'>,
): Promise<ExitCode> {
  const { destinations } = config.delivery;
  const destination = destinations.find((known) => known.name === name);
  if (destination === undefined) {
    const names = destinations.map((known) => known.name).join(', ');
    print(`No destination is called "${name}". The configuration has: ${names || 'none'}.`);
    return EXIT.usage;
  }
  try {
    print(echoed(destination, await echo(destination)));
    return EXIT.ok;
  } catch (thrown) {
    print(toRaunetError(thrown).message);
    return EXIT.failed;
  }
}
