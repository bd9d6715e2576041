import { basename } from 'node:path';
import { readHeaderOfFile } from './dicom/read';
import type { DataSet } from './dicom/data-set';
import type { Inference } from './inference/types';
import { RaunetError, toRaunetError } from './lib/errors';
import type { Log } from './lib/log';
import { readFailure } from './lib/read-failure';
import type { Stage } from './lib/stages';
import { upright } from './lib/upright';
import { analyseMask } from './mask/analyse';
import { findChest } from './mask/lungs';
import { buildResults } from './result/results';
import type { Analysis, EncodedObject, ResultContext } from './result/types';
import { arrange } from './series/arrange';
import { samePatient } from './series/patient';
import { type Sender, toSlices, toSummary } from './series/slices';
import type { SeriesSummary, Slice } from './series/types';
import { modelGrid } from './tensor/model-grid';
import { toSourceGrid, toTensor } from './tensor/resample';
import type { ModelGrid } from './tensor/types';
import { buildVolume } from './volume/build';
import type { Decoder, HuVolume } from './volume/types';

/** Headers of a series: what the rules choose by, and what results copy. */
export interface SeriesHeaders {
  summary: SeriesSummary;
  slices: Slice[];
  /** Header of the first instance. */
  source: DataSet;
}

/**
 * Stage `series`, first half. files: paths of Part 10 files of one series, at least one. Throws RAUNET_UNREADABLE,
 * RAUNET_SPOOL_MISSING, RAUNET_SPOOL_READ and, before anything is made that carries a patient's name,
 * RAUNET_MIXED_PATIENTS.
 */
export async function readHeaders(files: readonly string[], sender: Sender): Promise<SeriesHeaders> {
  const slices: Slice[] = [];
  let first: Awaited<ReturnType<typeof readHeaderOfFile>> | null = null;
  for (const file of files) {
    const header = await headerOf(file);
    first ??= header;
    if (!samePatient(first.dataset, header.dataset))
      throw named(new RaunetError('RAUNET_MIXED_PATIENTS'), file);
    slices.push(...toSlices(file, header));
  }
  if (first === null) throw new Error('a series without files');
  return { summary: toSummary(first, sender), slices, source: first.dataset };
}

const headerOf = (file: string) =>
  readHeaderOfFile(file).catch((error: unknown) => {
    throw (
      readFailure(error, basename(file), 'RAUNET_SPOOL_MISSING', { stage: 'series' }) ?? named(error, file)
    );
  });

/** The error with the file it is about: `<sop instance>.dcm` in the spool. */
function named(thrown: unknown, file: string): RaunetError {
  const { code, context } = toRaunetError(thrown);
  const detail = [context.detail, basename(file)].filter(Boolean).join(', ');
  return new RaunetError(code, { ...context, stage: 'series', detail }, { cause: thrown });
}

export interface PipelineLimits {
  /** Of decoded pixels of one series; more is refused. */
  maxVolumeBytes: number;
}

export interface PipelineDeps {
  decoder: Decoder;
  inference: Pick<Inference, 'preprocessing' | 'batchSize' | 'classify'>;
  log: Log;
  limits: PipelineLimits;
}

/** The stages that an analysis goes through here. */
export type AnalysisStage = Exclude<Stage, 'association' | 'spool' | 'delivery'>;

export interface PipelineRun {
  /** Told as each stage begins, and how far it is: done in 0..1. A rejection ends the analysis. */
  report: (stage: AnalysisStage, done: number) => void | Promise<void>;
}

/**
 * The way of a series from headers to measurements. Throws a RaunetError that names the stage: refusals of
 * spec input rows, RAUNET_CORRUPT_PIXELS, RAUNET_NOT_CHEST, RAUNET_INFERENCE and their like.
 */
export async function analyse(
  { summary, slices }: SeriesHeaders,
  { decoder, inference, log, limits }: PipelineDeps,
  { report }: PipelineRun,
): Promise<Analysis> {
  await report('series', 0);
  const series = arrange(slices, summary);
  const { dataset: source } = await headerOf((series.slices[0] as Slice).file);
  await report('volume', 0);
  const volume = await buildVolume(series, decoder, {
    maxBytes: limits.maxVolumeBytes,
    progress: (done) => void report('volume', done),
  });
  await report('tensor', 0);
  const { volume: turned, toStored } = upright(volume);
  const grid = await modelGrid(turned, inference.preprocessing);
  await report('inference', 0);
  // The anatomy asks nothing of the model: it is found while the child is at work.
  const [raw, chest] = await Promise.all([
    classify(turned, grid, inference, (done) => report('inference', done)),
    findChest(turned),
  ]);
  await report('mask', 0);
  const { mask, measurements, removedMl } = await analyseMask(turned, chest, raw);
  log.info('mask cleaned', { stage: 'mask', seriesUid: summary.seriesUid, removedMl });
  return { series, source, volume, mask: mask.map(toStored), measurements, warnings: series.warnings };
}

/** Stage `result`: see result/results.ts. */
export async function encode(
  analysis: Analysis,
  context: ResultContext,
  { report }: PipelineRun,
): Promise<EncodedObject[]> {
  await report('result', 0);
  return buildResults(analysis, context);
}

/** Stages `tensor` and `inference` slice by slice, back on the volume's grid; slices without lung stay background. */
async function classify(
  { huSlice, rows, columns, series }: HuVolume,
  { box, lungSlices }: ModelGrid,
  inference: PipelineDeps['inference'],
  progress: (done: number) => void | Promise<void>,
): Promise<Uint8Array[]> {
  const { preprocessing, batchSize } = inference;
  const pixels = preprocessing.size ** 2;
  const mask: Uint8Array[] = series.slices.map(() => new Uint8Array(rows * columns));
  for (let from = 0; from < lungSlices.length; from += batchSize) {
    const batch = lungSlices.slice(from, from + batchSize);
    const images = new Float32Array(batch.length * pixels);
    batch.forEach((k, i) => images.set(toTensor(huSlice(k), columns, box, preprocessing), i * pixels));
    const classes = await inference.classify(images, batch.length);
    batch.forEach((k, i) => {
      const found = classes.subarray(i * pixels, (i + 1) * pixels);
      mask[k] = toSourceGrid(found, box, rows, columns, preprocessing);
    });
    await progress((from + batch.length) / lungSlices.length);
  }
  return mask;
}
