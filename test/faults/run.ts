import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

/**
 * `npm run test:faults [-- [--rounds N] [--minutes N] [--seed N] [PART ...]]`: what the service does when something breaks.
 * Each part is `test/faults/<part>.test.ts`. Without --rounds the short form, as CI runs it. At the end stands what was
 * counted; docs/RELIABILITY.md quotes it. The same seed gives the same order of faults; when they strike is up to the machine.
 */
const PARTS = readdirSync(__dirname)
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => name.replace('.test.ts', ''));

const { values, positionals } = parseArgs({
  options: { rounds: { type: 'string' }, minutes: { type: 'string' }, seed: { type: 'string' } },
  allowPositionals: true,
});
const unknown = positionals.filter((part) => !PARTS.includes(part));
const numbers = [values.rounds ?? '1', values.minutes ?? '1', values.seed ?? '1'];
if (unknown.length > 0 || !numbers.every((text) => /^[1-9]\d{0,8}$/.test(text))) {
  console.error(
    `npm run test:faults [-- [--rounds N] [--minutes N] [--seed N] [PART ...]], parts: ${PARTS.join(', ')}`,
  );
  process.exit(2);
}

const seed = values.seed ?? String(1 + Math.floor(Math.random() * 999_999_999));
const folder = mkdtempSync(join(tmpdir(), 'raunet-faults-'));
const figures = join(folder, 'figures.jsonl');
writeFileSync(figures, '');

const parts = positionals.length > 0 ? positionals : PARTS;
const table: string[] = [];
let failed = 0;
for (const part of parts) {
  const command = `npm run test:faults -- --seed ${seed}${values.rounds ? ` --rounds ${values.rounds}` : ''}${values.minutes ? ` --minutes ${values.minutes}` : ''} ${part}`;
  console.log(`\n== ${part}: ${command}`);
  const from = Date.now();
  const { status } = spawnSync(
    process.execPath,
    [
      'node_modules/jest/bin/jest.js',
      '-c',
      'test/jest.config.cjs',
      '--runInBand',
      `test/faults/${part}.test.ts`,
    ],
    {
      stdio: 'inherit',
      env: {
        ...process.env,
        FAULTS_SEED: seed,
        FAULTS_FIGURES: figures,
        ...(values.rounds ? { FAULTS_ROUNDS: values.rounds } : {}),
        ...(values.minutes ? { FAULTS_MINUTES: values.minutes } : {}),
      },
    },
  );
  if (status !== 0) failed += 1;
  const lines = readFileSync(figures, 'utf8').trim().split('\n').filter(Boolean);
  writeFileSync(figures, '');
  table.push(
    `${part}: ${status === 0 ? 'ok' : 'FAILED'}, ${Math.round((Date.now() - from) / 1000)} s, ${command}`,
  );
  for (const [what, counted] of lines.map((line) => JSON.parse(line) as [string, string | number]))
    table.push(`    ${what.padEnd(60)} ${counted}`);
}
rmSync(folder, { recursive: true });
console.log(
  `\n${table.join('\n')}\n${failed === 0 ? 'all parts ok' : `${failed} of ${parts.length} parts FAILED`}`,
);
process.exit(failed === 0 ? 0 : 1);
