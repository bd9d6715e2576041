import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Preprocessing } from '../../../src/tensor/types';

/** Written by `python -m training.golden`, read by pytest too; onnx/golden/README.md describes it. */
const FOLDER = join(__dirname, '../../../onnx/golden');

/** As in onnx/training/preprocess.py; the service reads the same numbers from onnx/contract.json. */
export const PREPROCESSING: Preprocessing = {
  windowHu: [-1250, 250],
  size: 369,
  lungBox: {
    tissueHu: -400,
    minRegionMm2: 200,
    minLungMm2: 1500,
    couchMinWidthMm: 150,
    couchAspect: 3,
    lopsided: [3, 5],
    marginPercent: 5,
  },
};

type Corners = [top: number, left: number, bottom: number, right: number];

interface Case {
  name: string;
  slices: number;
  rows: number;
  cols: number;
  spacingMm: [number, number];
  hu: string;
  perSlice: ({ box: Corners; bodyCentre2: number } | null)[];
  box: Corners | null;
  tensorSlice?: number;
  tensor?: string;
  maskBack?: string;
}

const index = JSON.parse(readFileSync(join(FOLDER, 'cases.json'), 'utf8')) as {
  stride: number;
  cases: Case[];
};
const bytes = (file: string): Buffer => gunzipSync(readFileSync(join(FOLDER, file)));

export const STRIDE = index.stride;

export const goldenCases = index.cases.map((given) => {
  const pixels = given.rows * given.cols;
  const stored = bytes(given.hu);
  const hu = Array.from({ length: given.slices }, (_, k) =>
    Float32Array.from({ length: pixels }, (_, i) => stored.readInt16LE(2 * (k * pixels + i))),
  );
  return { ...given, hu };
});

export function goldenTensor(file: string): Float32Array {
  const stored = bytes(file);
  return Float32Array.from({ length: stored.length / 4 }, (_, i) => stored.readFloatLE(4 * i));
}

export const goldenMask = (file: string): Uint8Array => Uint8Array.from(bytes(file));

export const boxOf = ([top, left, bottom, right]: Corners) => ({ top, bottom, left, right });
