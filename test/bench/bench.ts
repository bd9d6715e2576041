import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { inspect } from 'node:util';
import { type Bar, inWords, isMet } from './bars';
import { durableWriteMs } from './disk';
import { benchJobs } from './jobs';
import { benchMemory } from './memory';
import { benchReceive } from './receive';
import { repeated, writeSlices } from './slices';

/**
 * `npm run bench`: the service against its peers in the same run on the same machine. `--quick`: a few minutes less,
 * without the long series. Ends with status 1 where a bar is missed.
 */
async function bench(quick: boolean): Promise<number> {
  const print = (line: string) => void process.stdout.write(`${line}\n`);
  const missing = ['storescu', 'storescp', 'echoscu', 'Orthanc'].filter((program) => !isInstalled(program));
  if (missing.length > 0) {
    print(`${missing.join(', ')} cannot be found. Run .ci/install-peers.sh as root, it installs the peers.`);
    return 1;
  }
  const folder = await mkdtemp(join(tmpdir(), 'raunet-bench-'));
  const bars: Bar[] = [];
  try {
    print(
      `${availableParallelism()} cores, load ${loadavg()[0]!.toFixed(1)} before it begins; Node ${process.version}`,
    );
    const synced = await durableWriteMs(join(folder, 'disk'));
    print(
      `${synced.toFixed(1)} ms to write a slice and sync file and folder, as Raunet must before Success; storescp does not sync`,
    );
    print('Making the phantom series ...');
    const short = await writeSlices(join(folder, 'short'), 60);
    const long = quick ? repeated(short, 5) : await writeSlices(join(folder, 'long'), 300);

    print(
      `\nC-STORE of ${long.files.length} slices, best of the rounds; memory of all processes of a receiver\n`,
    );
    bars.push(...(await benchReceive(long, quick ? 2 : 3, synced, print)));
    print('\nMemory while receiving\n');
    bars.push(...(await benchMemory(long, quick ? 1200 : 3000, print)));
    print('\nWhole jobs: first C-STORE to last result delivered\n');
    bars.push(...(await benchJobs(quick ? [short] : [short, long], print)));

    print(`\n${bars.map(inWords).join('\n')}`);
    print(`\nload ${loadavg()[0]!.toFixed(1)} at the end`);
    return bars.every(isMet) ? 0 : 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const isInstalled = (program: string): boolean =>
  (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));

bench(process.argv.includes('--quick')).then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    process.stderr.write(`The bench failed. ${inspect(error)}\n`);
    process.exitCode = 1;
  },
);
