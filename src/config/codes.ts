import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';
import { RaunetError } from '../lib/errors';
import { PACKAGE_ROOT } from '../lib/package';

/** PS3.3 Table 8.8-1: lengths of SH and LO. */
const code = z.strictObject({
  value: z.string().min(1).max(16),
  scheme: z.string().min(1).max(16),
  meaning: z.string().min(1).max(64),
});
const channel = z.int().min(0).max(255);

const classCodes = <Index extends 1 | 2 | 3>(index: Index) =>
  z.strictObject({
    /** Class of the mask and number of the segment. */
    index: z.literal(index),
    label: z.string().min(1).max(64),
    type: code,
    region: code,
    /** sRGB, 0-255. */
    colour: z.tuple([channel, channel, channel]),
  });

/** conf/codes.json: what each class of the mask is called in DICOM, and its colour. */
const codesSchema = z.strictObject({
  category: code,
  classes: z.tuple([classCodes(1), classCodes(2), classCodes(3)]),
});

export type Code = z.infer<typeof code>;
export type Codes = z.infer<typeof codesSchema>;
export type ClassCodes = Codes['classes'][number];
export type Rgb = readonly [number, number, number];

/** Checks the content of conf/codes.json. Throws RAUNET_CONFIG naming every wrong value. */
export function parseCodes(json: unknown): Codes {
  const parsed = codesSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const detail = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
  throw new RaunetError('RAUNET_CONFIG', { detail: `conf/codes.json: ${detail}` });
}

/** conf/codes.json of the package. */
export const loadCodes = (): Codes =>
  parseCodes(JSON.parse(readFileSync(resolve(PACKAGE_ROOT, 'conf/codes.json'), 'utf8')));
