import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

/** Folder of package.json, conf/ and onnx/: two above this file, in src/ as in dist/. */
export const PACKAGE_ROOT = resolve(__dirname, '..', '..');

/** Version of the service, as package.json has it. */
export const SERVICE_VERSION: string = (
  JSON.parse(readFileSync(resolve(PACKAGE_ROOT, 'package.json'), 'utf8')) as { version: string }
).version;
