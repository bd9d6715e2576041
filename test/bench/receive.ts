import { table } from '../../src/cli/table';
import type { Bar } from './bars';
import { withPeak } from './memory-of';
import { push } from './push';
import { orthanc, raunet, type Receiver, storescp } from './receivers';
import type { Slices } from './slices';

const ASSOCIATIONS = [1, 4] as const;
const OF_STORESCP_AT_LEAST = 0.5;
const OF_ORTHANC_AT_LEAST = 3;

interface Measured {
  /** Of the best round. */
  seconds: number;
  peakBytes: number;
}

/**
 * The same slices, as new instances each time, to each receiver over 1 and over 4 associations; the receivers take
 * turns within a round, so that what else the machine does hits all of them. `syncMs`: what a durable write takes here.
 */
export async function benchReceive(
  { files, megabytes }: Slices,
  rounds: number,
  syncMs: number,
  print: (line: string) => void,
): Promise<Bar[]> {
  const receivers: Receiver[] = [];
  try {
    for (const start of [raunet, storescp, orthanc]) receivers.push(await start());
    const best = new Map<string, Measured>();
    for (let round = 0; round < rounds; round++)
      for (const associations of ASSOCIATIONS)
        for (const receiver of receivers) await measure(receiver, associations, files, best);

    const rows = receivers.flatMap(({ name }) =>
      ASSOCIATIONS.map((associations) => {
        const { seconds, peakBytes } = best.get(`${name} ${associations}`)!;
        const rates = [files.length / seconds, megabytes / seconds, peakBytes / 1e6].map((n) => n.toFixed(0));
        return [name, String(associations), seconds.toFixed(2), ...rates];
      }),
    );
    print(table(['receiver', 'associations', 'seconds', 'instances/s', 'MB/s', 'peak MB'], rows));
    const { seconds } = best.get('storescp 1')!;
    const limit = files.length / (seconds + (files.length * syncMs) / 1000);
    print(
      `\nA storescp that synced would come to ${limit.toFixed(0)} instances/s over 1 association: its time, and ${syncMs.toFixed(1)} ms for each instance. What is asked below may lie above that.`,
    );
    return ASSOCIATIONS.flatMap((associations) => [
      bar(best, 'storescp', associations, OF_STORESCP_AT_LEAST),
      bar(best, 'Orthanc', associations, OF_ORTHANC_AT_LEAST),
    ]);
  } finally {
    for (const receiver of receivers) await receiver.stop();
  }
}

async function measure(
  receiver: Receiver,
  associations: number,
  files: readonly string[],
  best: Map<string, Measured>,
): Promise<void> {
  const before = await receiver.stored();
  const { result: seconds, peakBytes } = await withPeak(receiver.pid, () =>
    push(receiver, files, { associations, inventUids: true }),
  );
  const stored = (await receiver.stored()) - before;
  if (stored !== files.length) throw new Error(`${receiver.name} holds ${stored} of ${files.length}`);
  const key = `${receiver.name} ${associations}`;
  const known = best.get(key);
  best.set(key, {
    seconds: Math.min(seconds, known?.seconds ?? seconds),
    peakBytes: Math.max(peakBytes, known?.peakBytes ?? 0),
  });
}

function bar(best: Map<string, Measured>, peer: string, associations: number, atLeast: number): Bar {
  const [ours, theirs] = ['Raunet', peer].map((name) => best.get(`${name} ${associations}`)!.seconds);
  return {
    name: `receive over ${associations} association${associations > 1 ? 's' : ''}, speed against ${peer}`,
    measured: theirs! / ours!,
    limit: { atLeast },
    unit: `x ${peer}`,
  };
}
