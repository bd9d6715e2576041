import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAnalyst } from '../../../src/analysis/analyst';
import { SOP_CLASS, TRANSFER_SYNTAX } from '../../../src/dicom/uids';
import { type PlainDataSet, writePart10 } from '../../../src/dicom/write';
import { loadModel } from '../../../src/inference/contract';
import type { Inference } from '../../../src/inference/types';
import { RaunetError } from '../../../src/lib/errors';
import { silentLog } from '../../../src/lib/log';
import { analyse, encode, readHeaders } from '../../../src/pipeline';
import { openDecoder } from '../../../src/volume/decoder';
import { header } from '../../fixtures/encode';
import { makePhantom } from '../../fixtures/phantom';
import { context } from '../../fixtures/result-source';

jest.setTimeout(120_000);

// The thread is src/analysis/thread.ts here.
process.env['NODE_OPTIONS'] = `--require ${join(__dirname, '../../fixtures/typescript-hook.cjs')}`;

const SIZE = 64;
const sender = { callingAe: 'CT1', calledAe: 'RAUNET' };
let folder = '';
let files: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'raunet-analyst-'));
  files = (await makePhantom(join(folder, 'phantom'), { slices: 8 })).files;
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Says ground glass wherever the window's middle is: enough of it lies in the phantom's lungs. */
async function inference(classify?: Inference['classify']): Promise<Inference> {
  const { preprocessing } = await loadModel('onnx/contract.json', undefined);
  return {
    preprocessing: { ...preprocessing, size: SIZE },
    batchSize: 2,
    classify: classify ?? (async (images) => Uint8Array.from(images, (v) => (v > 0.35 && v < 0.6 ? 1 : 0))),
  } as Inference;
}

const limits = { maxVolumeBytes: 1e9, decodeThreads: 1, decodeSeconds: 20 };
const run = { report: () => {}, context: () => context() };

test('an analysis in its thread gives the bytes that the pipeline gives', async () => {
  const model = await inference();
  const analyst = openAnalyst({ inference: model, log: silentLog, limits });
  const stages: string[] = [];
  const analysed = await analyst.analyse(
    { files, sender },
    {
      ...run,
      report: (stage) => void (stages.at(-1) !== stage && stages.push(stage)),
      pictures: { title: 'title', subtitle: 'subtitle' },
    },
  );
  const decoder = openDecoder({ threads: 1, timeoutSeconds: 20 });
  const deps = { decoder, inference: model, log: silentLog, limits };
  const analysis = await analyse(await readHeaders(files, sender), deps, run);
  const objects = await encode(analysis, context(), run);
  await decoder.close();
  expect(analysed.objects.map(({ kind }) => kind)).toEqual(['SEG', 'SR', 'SC']);
  expect(analysed.objects).toEqual(objects);
  expect(analysed.measurements).toEqual(analysis.measurements);
  expect(analysed.pictures?.mask).toEqual(analysis.mask);
  expect(stages).toEqual(['series', 'volume', 'tensor', 'inference', 'mask', 'result']);
});

test('a cancelled analysis ends at once, with the word of its signal', async () => {
  const cancel = new AbortController();
  const never: Inference['classify'] = (_images, _n, signal) => {
    setImmediate(() => cancel.abort(new RaunetError('RAUNET_SUPERSEDED')));
    return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
  };
  const analyst = openAnalyst({ inference: await inference(never), log: silentLog, limits });
  await expect(analyst.analyse({ files, sender }, { ...run, signal: cancel.signal })).rejects.toMatchObject({
    code: 'RAUNET_SUPERSEDED',
  });
});

test('what a stage, the model or a report throws keeps its code on its way between the threads', async () => {
  const broken = join(folder, 'broken.dcm');
  await writeFile(broken, 'no DICOM');
  const fails: Inference['classify'] = () => Promise.reject(new RaunetError('RAUNET_INFERENCE_TIMEOUT'));
  const analyst = openAnalyst({ inference: await inference(fails), log: silentLog, limits });
  await expect(analyst.analyse({ files, sender }, run)).rejects.toMatchObject({
    code: 'RAUNET_INFERENCE_TIMEOUT',
    class: 'transient',
  });
  await expect(analyst.analyse({ files: [...files, broken], sender }, run)).rejects.toMatchObject({
    code: 'RAUNET_UNREADABLE',
    context: { stage: 'series', detail: expect.stringContaining('broken.dcm') },
  });
  const report = () => Promise.reject(new RaunetError('RAUNET_CANCELLED'));
  await expect(analyst.analyse({ files, sender }, { ...run, report })).rejects.toMatchObject({
    code: 'RAUNET_CANCELLED',
  });
});

test('a series larger than allowed is refused before it is read', async () => {
  const small = { ...limits, maxVolumeBytes: 7 * 512 * 512 * 2 };
  const analyst = openAnalyst({ inference: await inference(), log: silentLog, limits: small });
  await expect(analyst.analyse({ files, sender }, run)).rejects.toMatchObject({
    code: 'RAUNET_TOO_LARGE',
    context: { detail: '8 slices of 512 x 512 pixels, 5 MB of at most 3 MB' },
  });
});

test('of a series of few slices the file may still be too large: it holds all phases', async () => {
  const frame = (phase: number, z: number): PlainDataSet => ({
    FrameContentSequence: [{ TemporalPositionIndex: phase }],
    PlanePositionSequence: [{ ImagePositionPatient: ['0', '0', String(z)] }],
  });
  const phases = [1, 2, 3, 4].flatMap((phase) => [0, 5, 10].map((z) => frame(phase, z)));
  const enhanced = join(folder, 'phases.dcm');
  await writeFile(
    enhanced,
    writePart10({
      sopClassUid: SOP_CLASS.enhancedCt,
      sopInstanceUid: '1.2.3.1',
      transferSyntaxUid: TRANSFER_SYNTAX.explicitLittleEndian,
      dataset: {
        ...header({ rows: 512, columns: 512, bitsStored: 12, signed: false, values: [] }),
        Modality: 'CT',
        ImageType: ['ORIGINAL', 'PRIMARY', 'VOLUME', 'NONE'],
        SamplesPerPixel: 1,
        PhotometricInterpretation: 'MONOCHROME2',
        NumberOfFrames: phases.length,
        SharedFunctionalGroupsSequence: [
          {
            PixelMeasuresSequence: [{ PixelSpacing: ['0.7', '0.7'], SliceThickness: '5' }],
            PlaneOrientationSequence: [{ ImageOrientationPatient: ['1', '0', '0', '0', '1', '0'] }],
          },
        ],
        PerFrameFunctionalGroupsSequence: phases,
        PixelData: new Uint8Array(phases.length * 512 * 512 * 2),
      },
    }),
  );
  const small = { ...limits, maxVolumeBytes: 3 * 512 * 512 * 2 };
  const analyst = openAnalyst({ inference: await inference(), log: silentLog, limits: small });
  await expect(analyst.analyse({ files: [enhanced], sender }, run)).rejects.toMatchObject({
    code: 'RAUNET_TOO_LARGE',
    context: { detail: 'phases.dcm has 7 MB of at most 1 MB in one file' },
  });
});

test('a refusal is encoded in a thread too', async () => {
  const analyst = openAnalyst({ inference: await inference(), log: silentLog, limits });
  const reason = { outcome: 'Not Attempted', code: 'RAUNET_NOT_CHEST', sentence: 'No lung.' } as const;
  const objects = await analyst.refuse({ files, sender }, reason, context());
  expect(objects.map(({ kind }) => kind)).toEqual(['SR', 'SC']);
});

test('closing ends an analysis with a passing error, so that it is done again after the next start', async () => {
  const never: Inference['classify'] = () => new Promise(() => setImmediate(() => void analyst.close()));
  const analyst = openAnalyst({ inference: await inference(never), log: silentLog, limits });
  await expect(analyst.analyse({ files, sender }, run)).rejects.toMatchObject({ class: 'transient' });
});
