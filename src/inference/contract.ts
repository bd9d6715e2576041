import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { z } from 'zod';
import { RaunetError } from '../lib/errors';
import type { Preprocessing } from '../tensor/types';
import { CLASSES, type ModelIdentity } from './types';

const size = z.int().min(16).max(2048);
const selfCheckFile = z.object({ file: z.string() });

/** onnx/contract.json, written by onnx/training/export.py. Strict where an unknown key could ask for work we do not do. */
const contractSchema = z.object({
  schemaVersion: z.literal(1),
  models: z
    .array(
      z.object({
        file: z.string(),
        name: z.string(),
        version: z.string(),
        sha256: z.string().regex(/^[0-9a-f]{64}$/, 'is no sha256'),
        default: z.boolean(),
      }),
    )
    .min(1),
  input: z.object({
    name: z.string(),
    type: z.literal('float32'),
    shape: z.tuple([z.literal('N'), z.literal(1), size, size]),
  }),
  outputs: z.object({
    mask: z.object({
      name: z.string(),
      type: z.literal('uint8'),
      shape: z.tuple([z.literal('N'), size, size]),
    }),
  }),
  classes: z.tuple([
    z.literal(CLASSES[0]),
    z.literal(CLASSES[1]),
    z.literal(CLASSES[2]),
    z.literal(CLASSES[3]),
  ]),
  preprocessing: z
    .strictObject({
      huWindow: z.tuple([z.number(), z.number()]),
      padValueHu: z.number(),
      resize: z.literal('bilinear, half-pixel centres, no antialias'),
      lungBox: z.strictObject({
        tissueHu: z.number(),
        minRegionMm2: z.number().min(0),
        minLungMm2: z.number().min(0),
        couchMinWidthMm: z.number().min(0),
        couchAspect: z.number().positive(),
        lopsided: z.tuple([z.int().min(0), z.int().positive()]),
        marginPercent: z.int().min(0).max(100),
        perSeries: z.string(),
      }),
    })
    .refine((p) => p.huWindow[0] < p.huWindow[1], 'huWindow must ascend')
    .refine((p) => p.padValueHu === p.huWindow[0], 'padding must be the low end of huWindow'),
  golden: z.object({
    image: selfCheckFile,
    masks: z.record(z.string(), selfCheckFile),
    minimumAgreement: z.number().min(0.5).max(1),
  }),
});

/** A slice with the answer that the model must give, to try a provider with. */
export interface SelfCheck {
  /** [size * size] in [0, 1]. */
  image: Float32Array;
  /** [size * size]. */
  mask: Uint8Array;
  /** Share of pixels of equal class: GPUs round products otherwise than CPUs. */
  minimumAgreement: number;
}

/** The model that the service runs, checked against its contract. */
export interface Model {
  identity: ModelIdentity;
  file: string;
  inputName: string;
  maskName: string;
  preprocessing: Preprocessing;
  selfCheck: SelfCheck;
}

/**
 * Reads the contract and the model it names (left out: its default), and checks that they belong together.
 * Throws RAUNET_MODEL with the file and the reason.
 */
export async function loadModel(contractFile: string, name?: string): Promise<Model> {
  const contract = parseContract(contractFile, await bytesOf(contractFile));
  const entry = contract.models.find((model) => (name === undefined ? model.default : model.name === name));
  if (entry === undefined) {
    const names = contract.models.map((model) => model.name).join(', ');
    throw refused(
      `${contractFile} has no ${name === undefined ? 'default model' : `model ${name}`}, only ${names}`,
    );
  }
  const folder = dirname(contractFile);
  const file = join(folder, entry.file);
  const sha256 = createHash('sha256')
    .update(await bytesOf(file))
    .digest('hex');
  if (sha256 !== entry.sha256) {
    throw refused(
      `${file} is not the file that ${contractFile} names: sha256 ${sha256}, not ${entry.sha256}`,
    );
  }
  const [, , rows, columns] = contract.input.shape;
  const [, maskRows, maskColumns] = contract.outputs.mask.shape;
  if (rows !== columns || rows !== maskRows || rows !== maskColumns) {
    throw refused(`${contractFile}: input and mask must be squares of one size`);
  }
  const golden = contract.golden.masks[entry.name];
  if (golden === undefined) throw refused(`${contractFile} has no golden mask for model ${entry.name}`);
  const unzipped = async (selfCheck: { file: string }): Promise<Uint8Array> => {
    const path = join(folder, selfCheck.file);
    const pixels = gunzip(path, await bytesOf(path));
    if (pixels.length !== rows * rows)
      throw refused(`${path} has ${pixels.length} pixels, not ${rows * rows}`);
    return pixels;
  };
  const { huWindow, lungBox } = contract.preprocessing;
  return {
    identity: { name: entry.name, version: entry.version, sha256 },
    file,
    inputName: contract.input.name,
    maskName: contract.outputs.mask.name,
    preprocessing: { windowHu: huWindow, size: rows, lungBox },
    selfCheck: {
      image: Float32Array.from(await unzipped(contract.golden.image), (value) => value / 255),
      mask: await unzipped(golden),
      minimumAgreement: contract.golden.minimumAgreement,
    },
  };
}

function parseContract(file: string, bytes: Buffer): z.infer<typeof contractSchema> {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw refused(`${file} is not JSON`, cause);
  }
  const parsed = contractSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw refused(`${file}: ${problems.join('; ')}`);
}

function gunzip(file: string, bytes: Buffer): Uint8Array {
  try {
    return Uint8Array.from(gunzipSync(bytes));
  } catch (cause) {
    throw refused(`${file} is damaged`, cause);
  }
}

async function bytesOf(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw refused(`${file} cannot be read`, cause);
  }
}

export const refused = (detail: string, cause?: unknown): RaunetError =>
  new RaunetError('RAUNET_MODEL', { stage: 'inference', detail }, { cause });
