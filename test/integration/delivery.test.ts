import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { countInstances, echo } from '../../src/delivery/query';
import { sendAll } from '../../src/delivery/send';
import { readMeta } from '../../src/dicom/meta';
import { TRANSFER_SYNTAX } from '../../src/dicom/uids';
import type { RaunetError } from '../../src/lib/errors';
import { silentLog } from '../../src/lib/log';
import { destinationAt, type Files, filesForDelivery } from '../contract/delivery/destination';
import { type Orthanc, startOrthanc } from '../fixtures/orthanc';
import { freePort } from '../fixtures/ports';
import { until } from '../fixtures/until';

const deps = { ourAe: 'RAUNET', log: silentLog };
let files: Files;

beforeEach(() => {
  files = filesForDelivery();
});
afterEach(() => files.remove());

describe('DCMTK storescp', () => {
  let child: ChildProcess | undefined;
  let folder: string;

  async function storescp(...options: string[]) {
    const port = await freePort();
    folder = mkdtempSync(join(tmpdir(), 'raunet-storescp-'));
    const args = ['-od', folder, '+B', '-aet', 'PACS', ...options, String(port)];
    child = spawn('storescp', args, { env: { ...process.env, TCP_NODELAY: '1' }, stdio: 'ignore' });
    const destination = destinationAt(port, { responseSeconds: 10 });
    const answers = () =>
      echo(destination, deps).then(
        () => true,
        (error: RaunetError) => error.code !== 'RAUNET_DESTINATION_DOWN',
      );
    await until('storescp answers', answers);
    return destination;
  }

  afterEach(async () => {
    const exit = new Promise((done) => child?.once('exit', done));
    if (child?.kill()) await exit;
    rmSync(folder, { recursive: true, force: true });
  });

  const dataSet = (file: string): Buffer => {
    const bytes = readFileSync(file);
    return bytes.subarray(readMeta(bytes).end);
  };

  test('stores every object with exactly the bytes of our file', async () => {
    const destination = await storescp('+xa');
    const sent = [
      files.make('segmentation', { transferSyntaxUid: TRANSFER_SYNTAX.deflatedExplicitLittleEndian }),
      files.make('segmentation', { pixelBytes: 5_000_000 }),
      files.make('comprehensiveSr'),
      files.make('secondaryCapture'),
    ];
    const outcomes = await sendAll(destination, sent, deps);
    expect(outcomes.map(({ status }) => status)).toEqual([0, 0, 0, 0]);

    const received = readdirSync(folder).map((name) => join(folder, name));
    expect(received).toHaveLength(4);
    for (const { file, sopInstanceUid } of sent) {
      const copy = received.find(
        (name) => name.endsWith(sopInstanceUid) || name.includes(`${sopInstanceUid}.`),
      );
      expect(dataSet(copy!).equals(dataSet(file))).toBe(true);
    }
  });

  test('that knows implicit little endian only gets the same values, encoded so', async () => {
    const destination = await storescp('+xi');
    const sent = [
      files.make('segmentation'),
      files.make('segmentation', { transferSyntaxUid: TRANSFER_SYNTAX.deflatedExplicitLittleEndian }),
    ];
    const outcomes = await sendAll(destination, sent, deps);
    expect(outcomes.map(({ status }) => status)).toEqual([0, 0]);

    const dump = (file: string): string => {
      const { stdout, status } = spawnSync('dcmdump', ['-q', '+L', '-Un', '+uc', file], { encoding: 'utf8' });
      expect(status).toBe(0);
      // What differs is how sequences and pixel words are written, not what they hold.
      return stdout
        .split('\n')
        .filter((line) => !/^(#|$|\(0002,)|\(fffe,e0[0d]d\)/.test(line.trim()))
        .map((line) =>
          line
            .replace(/#.*$/, '')
            .replace(/\((Sequence|Item) with .*?\)/, '')
            .trim(),
        )
        .filter((line) => !line.startsWith('(7fe0,0010)'))
        .join('\n');
    };
    for (const { file, sopInstanceUid } of sent) {
      const copy = join(folder, readdirSync(folder).find((name) => name.endsWith(sopInstanceUid))!);
      expect(readMeta(readFileSync(copy)).transferSyntaxUid).toBe(TRANSFER_SYNTAX.implicitLittleEndian);
      expect(dump(copy)).toBe(dump(file));
      const pixels = Buffer.from(
        Uint8Array.from({ length: 40_002 }, (_, at) => (at * 31 + (at >> 8)) & 0xff),
      );
      expect(readFileSync(copy).includes(pixels)).toBe(true);
    }
  });

  test('that refuses the association is a coded refusal for every object', async () => {
    const destination = await storescp('--refuse');
    const [outcome] = await sendAll(destination, [files.make('comprehensiveSr')], deps);
    expect(outcome!.error?.code).toMatch(/^RAUNET_ASSOCIATION_(REJECTED|BUSY)$/);
  });

  test.each([['--abort-during'], ['--abort-after']])('with %s: ambiguous', async (option) => {
    const destination = await storescp(option);
    const [outcome] = await sendAll(destination, [files.make('segmentation')], deps);
    expect(outcome!.error?.code).toBe('RAUNET_ASSOCIATION_ABORTED');
  });
});

describe('Orthanc', () => {
  let orthanc: Orthanc;
  beforeAll(async () => {
    orthanc = await startOrthanc({ routing: false });
  });
  afterAll(() => orthanc.stop());

  test('keeps what it gets, answers a second push of the same object as stored, and counts its series', async () => {
    const destination = destinationAt(orthanc.dicomPort, { aeTitle: 'ORTHANC', responseSeconds: 10 });
    const sent = [files.make('segmentation'), files.make('comprehensiveSr')];
    const series = { studyUid: '2.25.1', seriesUid: '2.25.2' };
    expect(await countInstances(destination, series, deps)).toBeNull();
    for (let push = 0; push < 2; push++)
      expect((await sendAll(destination, sent, deps)).map(({ error }) => error)).toEqual([null, null]);
    expect(await countInstances(destination, series, deps)).toBe(2);
    const ids = await orthanc.get<string[]>('/instances');
    expect(ids).toHaveLength(2);
  });
});
