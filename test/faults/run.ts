import { spawn } from 'node:child_process';
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
/** Parts mostly wait: for quiet times, retries, starts. So many go side by side, the long ones first. */
const LANES = 3;
const LONG = ['kill', 'storage', 'faults'];
/**
 * `load` measures the event loop, and how long senders wait. `power-cut` mounts its disk anew, which cannot be while
 * the network namespaces of `machines` hold copies of the mount.
 */
const ALONE = ['power-cut', 'load'];

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
const parts = positionals.length > 0 ? positionals : PARTS;

interface Ended {
  part: string;
  ok: boolean;
  /** Its lines of the table at the end. */
  lines: string[];
}

/** What it prints stands in one piece when it has ended; where it is the only one, at once. */
async function run(part: string): Promise<Ended> {
  const options = Object.entries({ seed, rounds: values.rounds, minutes: values.minutes });
  const command = `npm run test:faults -- ${options.flatMap(([name, value]) => (value ? [`--${name} ${value}`] : [])).join(' ')} ${part}`;
  const figures = join(folder, `${part}.jsonl`);
  writeFileSync(figures, '');
  console.log(`== ${part}: ${command}`);
  const from = Date.now();
  const child = spawn(
    process.execPath,
    [
      'node_modules/jest/bin/jest.js',
      '-c',
      'test/jest.config.cjs',
      '--runInBand',
      `test/faults/${part}.test.ts`,
    ],
    {
      stdio: parts.length === 1 ? 'inherit' : ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        FAULTS_SEED: seed,
        FAULTS_FIGURES: figures,
        ...(values.rounds ? { FAULTS_ROUNDS: values.rounds } : {}),
        ...(values.minutes ? { FAULTS_MINUTES: values.minutes } : {}),
      },
    },
  );
  const printed: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => printed.push(chunk));
  const status = await new Promise<number | null>((done) => child.once('close', done));
  process.stdout.write(Buffer.concat([Buffer.from(`\n== ${part} has ended\n`), ...printed]));
  const outcome = `${status === 0 ? 'ok' : 'FAILED'}, ${Math.round((Date.now() - from) / 1000)} s`;
  const counted = readFileSync(figures, 'utf8').trim().split('\n').filter(Boolean);
  const rows = counted.map((line) => JSON.parse(line) as [string, string | number]);
  return {
    part,
    ok: status === 0,
    lines: [
      `${part}: ${outcome}, ${command}`,
      ...rows.map(([what, count]) => `    ${what.padEnd(60)} ${count}`),
    ],
  };
}

async function inLanes(waiting: string[], lanes: number): Promise<Ended[]> {
  const ended: Ended[] = [];
  const lane = async (): Promise<void> => {
    for (let part = waiting.shift(); part !== undefined; part = waiting.shift()) ended.push(await run(part));
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return ended;
}

async function main(): Promise<void> {
  const rank = (part: string): number => (LONG.includes(part) ? LONG.indexOf(part) : LONG.length);
  const together = parts.filter((part) => !ALONE.includes(part)).sort((a, b) => rank(a) - rank(b));
  const alone = parts.filter((part) => ALONE.includes(part));
  const ended = [...(await inLanes(together, LANES)), ...(await inLanes(alone, 1))];
  rmSync(folder, { recursive: true });
  const inOrder = parts.flatMap((part) => ended.filter((each) => each.part === part));
  const failed = ended.filter(({ ok }) => !ok);
  console.log(`\n${inOrder.flatMap(({ lines }) => lines).join('\n')}`);
  console.log(failed.length === 0 ? 'all parts ok' : `FAILED: ${failed.map(({ part }) => part).join(', ')}`);
  process.exit(failed.length === 0 ? 0 : 1);
}
void main();
