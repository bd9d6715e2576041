import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { joinEmbedded } from '../../src/jobs/embedded/embedded';
import { silentLog } from '../../src/lib/log';
import { type Entry, type Needle, needlesOf, fileSearch, search, walk } from '../fixtures/needles';
import { PATIENTS, seriesOf } from '../fixtures/patient';
import { run, storescu } from '../fixtures/peer-tools';
import { makePhantom } from '../fixtures/phantom';
import { freePort } from '../fixtures/ports';
import { cStore, ScriptedPeer } from '../fixtures/scripted-peer';
import { descendants } from '../fixtures/service';
import { until } from '../fixtures/until';

// Patients who occur nowhere else go through every path of the real service, success and failure; then everything but
// the DICOM files that docs/SECURITY.md says hold them is searched for them, in every writing.

jest.setTimeout(600_000);

const SLICES = 8;
const needles: Needle[] = [
  ...new Map(
    Object.values(PATIENTS)
      .flatMap(needlesOf)
      .map((needle) => [needle.bytes.toString('hex'), needle]),
  ).values(),
];

const searchFiles = fileSearch(needles);

let folder: string;
let dataDir: string;
let temporary: string;
let dicomPort: number;
let origin: string;
let service: ChildProcess | null = null;
let storescp: ChildProcess;
/** Of the series by what happened to them. */
const uids: Record<string, string> = {};

const logFile = () => join(folder, 'service.log');
const log = () => readFile(logFile(), 'utf8');

/** The service with every line of its log, a temporary folder of its own, and one destination that is down. */
async function startService(maintenance: object): Promise<void> {
  const configuration = join(folder, 'raunet.yaml');
  const [pacs, down] = [uids['storescp port'], uids['closed port']].map(Number);
  const destination = { aeTitle: 'PACS', host: '127.0.0.1', retryLimit: 1, retrySeconds: 1 };
  await writeFile(
    configuration,
    JSON.stringify({
      dataDir,
      log: { level: 'debug' },
      association: { port: dicomPort, idleSeconds: 2 },
      admin: { port: Number(new URL(origin).port) },
      series: { quietSeconds: 1, perStudy: 'all' },
      inference: { providers: ['cpu'] },
      maintenance: { minFreeMegabytes: 200, ...maintenance },
      delivery: {
        destinations: [
          { name: 'pacs', port: pacs, ...destination },
          { name: 'down', port: down, ...destination },
        ],
        rules: [{ to: ['pacs', 'down'] }],
      },
    }),
  );
  const output = openSync(logFile(), 'a', 0o600);
  service = spawn(process.execPath, ['dist/main.js', 'serve', '--config', configuration], {
    env: environment(),
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  const started = service;
  await until(
    'the service is ready',
    async () => {
      if (started.exitCode !== null) throw new Error(await log());
      return (await fetch(`${origin}/ready`)).ok;
    },
    120,
  );
}

const environment = (): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('RAUNET_'))),
  TMPDIR: temporary,
});

async function stopService(signal: NodeJS.Signals): Promise<void> {
  if (service === null) return;
  const ended = new Promise((done) => service!.once('exit', done));
  service.kill(signal);
  await ended;
  service = null;
}

const api = async (path: string): Promise<string> => (await fetch(origin + path)).text();
const stateOf = async (
  what: string,
): Promise<{ state: string; code: string | null; erasedAt: string | null }> =>
  JSON.parse(await api(`/api/series/${uids[what]}`)).series;
const reached = (what: string, states: string[], seconds: number) =>
  until(
    `${what} is ${states.join(' or ')}`,
    async () => {
      const { state, code } = await stateOf(what);
      if (states.includes(state)) return state;
      throw new Error(`it is ${state} ${code}`);
    },
    seconds,
  );

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'raunet-privacy-'));
  // Started as root, the database runs as another user and must reach its folder.
  await chmod(folder, 0o711);
  [dataDir, temporary] = [join(folder, 'data'), join(folder, 'tmp')];
  await mkdir(temporary, { mode: 0o777 });
  await chmod(temporary, 0o777);
  dicomPort = await freePort();
  origin = `http://127.0.0.1:${await freePort()}`;
  uids['storescp port'] = String(await freePort());
  uids['closed port'] = String(await freePort());
  const received = join(folder, 'received');
  await mkdir(received);
  storescp = spawn('storescp', ['-aet', 'PACS', '-od', received, '+xa', uids['storescp port']], {
    stdio: 'ignore',
  });

  const { directory } = await makePhantom(join(folder, 'phantom'), { slices: SLICES });
  const of = (what: string) => join(folder, 'sent', what);
  uids['analysed'] = await seriesOf(PATIENTS.latin, directory, of('analysed'));
  uids['without geometry'] = await seriesOf(PATIENTS.utf8, directory, of('without geometry'), [
    '-e',
    '(0020,0032)',
  ]);
  uids['corrupt'] = await seriesOf(PATIENTS.japanese, directory, of('corrupt'), ['-m', '(0028,0010)=4000']);
  uids['in flight'] = await seriesOf(PATIENTS.chinese, directory, of('in flight'));
  await startService({});
});

afterAll(async () => {
  await stopService('SIGKILL').catch(() => undefined);
  storescp?.kill();
  // A killed service leaves its database to the next one.
  await run(process.execPath, 'dist/main.js', 'token', 'list', '--config', join(folder, 'raunet.yaml')).catch(
    () => undefined,
  );
  await rm(folder, { recursive: true, force: true });
});

/** Everything that tells of the service from outside, searched. The files are all but those that hold DICOM by design. */
async function searchEverything(): Promise<string[]> {
  const isDicom = ({ path }: Entry) =>
    path.startsWith(join(dataDir, 'spool')) || path.startsWith(join(dataDir, 'results'));
  const files = [...(await walk(dataDir)), ...(await walk(temporary))];
  const found = await searchFiles(files.filter((entry) => !isDicom(entry)));
  // Their names are UIDs.
  for (const { path } of files.filter(isDicom)) found.push(...search(`name of ${path}`, path, needles));
  found.push(...search('log', await log(), needles));

  const paths = ['/health', '/ready', '/metrics', '/api/summary', '/api/series?limit=500', '/openapi.yaml'];
  for (const { seriesUid } of JSON.parse(await api('/api/series?limit=500')).series)
    paths.push(`/api/series/${seriesUid}`);
  for (const path of paths) found.push(...search(path, await api(path), needles));

  for (const pid of [service!.pid!, ...(await descendants(service!.pid!))])
    for (const name of ['cmdline', 'comm', 'environ']) {
      const text = await readFile(`/proc/${pid}/${name}`).catch(() => Buffer.alloc(0));
      found.push(...search(`/proc/${pid}/${name}`, text, needles));
    }
  for (const row of await databaseRows()) found.push(...search('database', row, needles));
  return found;
}

/** Every row of every table but PostgreSQL's own, as text; bytes are hex there. */
async function databaseRows(): Promise<string[]> {
  const client = new Client(await joinEmbedded({ dataDir, log: silentLog }));
  await client.connect();
  try {
    const tables = await client.query<{ name: string }>(
      `SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables
       WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_type = 'BASE TABLE'`,
    );
    const rows: string[] = [];
    for (const { name } of tables.rows) {
      const found = await client.query<{ row: string }>(`SELECT t::text AS row FROM ${name} t`);
      rows.push(...found.rows.map(({ row }) => `${name} ${row}`));
    }
    return rows;
  } finally {
    await client.end();
  }
}

test('the search finds what is there: the sent files hold every patient', async () => {
  const sent = await walk(join(folder, 'sent'));
  for (const patient of Object.values(PATIENTS)) {
    const own = needlesOf(patient);
    const found = await fileSearch(own)(sent);
    for (const what of ['name', patient.id, patient.birthDate, patient.accession])
      expect([what, found.some((each) => each.includes(`${what}`) && each.endsWith('as plain'))]).toEqual([
        what,
        true,
      ]);
  }
  const utf16 = Buffer.from(`x${PATIENTS.latin.id}y`, 'utf16le');
  const base64 = Buffer.from(`{"id":"${PATIENTS.latin.id}"}`).toString('base64');
  const hex = Buffer.from(PATIENTS.utf8.text).toString('hex');
  for (const hidden of [utf16, base64, hex]) expect(search('here', hidden, needles)).not.toEqual([]);
});

describe('nothing of a patient is in log, answers, processes, temporary files or database', () => {
  test('while instances are received, refused at the door, and broken off', async () => {
    for (const what of ['without geometry', 'corrupt', 'analysed'])
      await storescu(dicomPort, 'RAUNET', join(folder, 'sent', what));
    const file = await readFile(join(folder, 'sent', 'in flight', '0001.dcm'));
    // Behind the file meta information: preamble, prefix, group length.
    const dataSet = file.subarray(144 + file.readUInt32LE(140));
    const outcomes: number[] = [];
    const peer = await ScriptedPeer.associated(dicomPort);
    const nameAt = dataSet.indexOf(PATIENTS.chinese.name);
    const wrongLength = Buffer.from(dataSet);
    wrongLength.writeUInt16LE(0xfff0, nameAt - 2);
    for (const [uid, bytes] of [
      ['1.2.3.99', dataSet], // another instance than the command says
      ['1.2.3.98', dataSet.subarray(0, nameAt + 6)], // ends within the name
      ['1.2.3.97', wrongLength], // the name goes on to the end
      ['1.2.3.96', Buffer.concat([PATIENTS.chinese.name, dataSet])], // no DICOM at all
    ] as const) {
      peer.send(cStore(uid, bytes));
      outcomes.push((await peer.response()).status);
    }
    expect(outcomes.filter((status) => status === 0)).toEqual([]);
    peer.destroy();
    for (const end of ['reset', 'silence'] as const) {
      const broken = await ScriptedPeer.associated(dicomPort);
      const bytes = cStore('1.2.3.95', dataSet);
      broken.send(bytes.subarray(0, bytes.length / 2));
      if (end === 'reset') broken.reset();
      else await broken.next();
      broken.destroy();
    }
    // Somebody speaks another protocol, and looks for a patient by name.
    const other = await ScriptedPeer.connect(dicomPort);
    other.send(Buffer.from(`GET /?name=${PATIENTS.latin.id} HTTP/1.1\r\n\r\n`));
    await other.next();
    other.destroy();
    for (const path of [`/api/series?patient=${PATIENTS.latin.id}`, `/${PATIENTS.latin.id}`])
      expect((await fetch(origin + path)).status).toBeGreaterThanOrEqual(400);

    expect(await searchEverything()).toEqual([]);
  });

  test('while series are analysed, refused for their geometry and for their pixels, and sent, with a destination down', async () => {
    expect(await reached('without geometry', ['refused', 'failed'], 120)).toBeTruthy();
    expect(await reached('corrupt', ['refused', 'failed'], 120)).toBeTruthy();
    await reached('analysed', ['done', 'failed'], 180);
    // The destination that is down has the last word in the state; the history has the reason.
    expect(await api(`/api/series/${uids['without geometry']}`)).toContain('RAUNET_NO_GEOMETRY');
    expect(await api(`/api/series/${uids['corrupt']}`)).toContain('RAUNET_CORRUPT_PIXELS');
    const logged = await log();
    expect(logged).toContain('RAUNET_DESTINATION_DOWN');
    expect(await searchEverything()).toEqual([]);
  });

  test('when the inference process crashes and the service is killed in mid-analysis, and after the restart', async () => {
    await storescu(dicomPort, 'RAUNET', join(folder, 'sent', 'in flight'));
    await reached('in flight', ['volume', 'tensor', 'inference', 'mask'], 60).catch(() => undefined);
    for (const pid of await descendants(service!.pid!)) {
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      if (/inference.child/.test(command)) process.kill(pid, 'SIGSEGV');
    }
    await until('the crash is told', async () => (await log()).includes('SIGSEGV'), 30);
    await stopService('SIGKILL');
    await startService({});
    await reached('in flight', ['done', 'failed'], 240);
    expect(await searchEverything()).toEqual([]);
  });

  test('in what the commands print, and in the files of `process` but the DICOM objects', async () => {
    const configuration = join(folder, 'raunet.yaml');
    const out = join(folder, 'out');
    const command = async (...given: string[]) => {
      const child = spawn(process.execPath, ['dist/main.js', ...given], { env: environment() });
      let text = '';
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (part) => (text += (part as Buffer).toString('latin1')));
      await new Promise((done) => child.once('close', done));
      return Buffer.from(text, 'latin1');
    };
    const sent = (what: string) => join(folder, 'sent', what);
    const printed = [
      await command('doctor', '--config', configuration),
      await command('process', sent('without geometry'), '--out', out, '--config', configuration),
      await command('process', sent('corrupt'), '--out', out, '--config', configuration),
      await command('process', sent('analysed'), '--out', out, '--json', '--config', configuration),
      await command('demo', '--series', sent('without geometry'), '--out', join(folder, 'demo')),
    ];
    expect(String(printed[0])).toContain('[OK] model');
    expect(String(printed[1])).toContain('RAUNET_NO_GEOMETRY');
    expect(String(printed[2])).toContain('RAUNET_CORRUPT_PIXELS');
    expect(String(printed[3])).toContain('"outcome": "done"');
    for (const text of printed) expect(search('printed', text, needles)).toEqual([]);
    const made = (await walk(out)).filter(({ path }) => !path.endsWith('.dcm'));
    expect(made.some(({ path }) => path.endsWith('report.json'))).toBe(true);
    expect(await searchFiles(made)).toEqual([]);
    const demo = (await walk(join(folder, 'demo'))).filter(({ path }) => /\.(log|json|txt)$/.test(path));
    expect(await searchFiles(demo)).toEqual([]);
    expect(openTo(await walk(out), 0o077)).toEqual([]);
  });
});

/** Who else may read or enter. */
const openTo = (entries: readonly Entry[], mask: number): string[] =>
  entries.filter(({ mode }) => (mode & mask) !== 0).map(({ path, mode }) => `${path} ${mode.toString(8)}`);

test('files of the data folder are 0600 and folders 0700; as root the data folder itself may be searched by its database', async () => {
  const [root, ...rest] = await walk(dataDir);
  expect(rest.length).toBeGreaterThan(100);
  expect(openTo(rest, 0o077)).toEqual([]);
  expect(openTo([root!], 0o066)).toEqual([]);
});

test('retention erases files, results and rows, and the log says what it erased by UID', async () => {
  const dicom = async () =>
    (await Promise.all(['spool', 'results'].map((name) => walk(join(dataDir, name))))).flat();
  expect(await fileSearch(needlesOf(PATIENTS.latin))(await dicom())).not.toEqual([]);
  await stopService('SIGTERM');
  await startService({ retentionDays: 0, retentionCron: '* * * * * *' });
  const all = ['analysed', 'without geometry', 'corrupt', 'in flight'];
  await until(
    'everything is erased',
    async () => (await Promise.all(all.map(stateOf))).every(({ erasedAt }) => erasedAt !== null),
    60,
  );
  const left = (await dicom()).filter(({ isFolder }) => !isFolder);
  expect(left.map(({ path }) => path)).toEqual(
    ['spool', 'results'].map((name) => join(dataDir, name, 'install.json')),
  );
  expect(await searchFiles(await walk(dataDir))).toEqual([]);
  const rows = await databaseRows();
  expect(rows.filter((row) => /^raunet\.(instance|result) /.test(row))).toEqual([]);
  const lines = (await log()).split('\n').filter((line) => line.includes('Retention erased a series'));
  for (const what of all)
    expect(lines.some((line) => line.includes(uids[what]!) && /"instances":\d/.test(line))).toBe(true);
  expect(await searchEverything()).toEqual([]);
  await stopService('SIGTERM');
});
