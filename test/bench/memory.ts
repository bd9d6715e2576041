import { setTimeout as sleep } from 'node:timers/promises';
import { table } from '../../src/cli/table';
import type { Bar } from './bars';
import { familyBytes, residentBytes } from './memory-of';
import { push } from './push';
import { raunet } from './receivers';
import type { Slices } from './slices';

/** Until then caches and pools fill. */
const WARM_INSTANCES = 600;
const GROWTH_BELOW_MB = 64;

/** Memory of the service while it receives `total` instances: what it holds must not depend on how much came. */
export async function benchMemory(
  { files }: Slices,
  total: number,
  print: (line: string) => void,
): Promise<Bar[]> {
  const receiver = await raunet();
  try {
    const rows: string[][] = [];
    let warm = 0;
    let last = 0;
    for (let sent = files.length; sent <= total; sent += files.length) {
      await push(receiver, files, { inventUids: true });
      await sleep(1000);
      last = await residentBytes(receiver.pid);
      if (sent <= WARM_INSTANCES) warm = last;
      if (sent === files.length || sent === WARM_INSTANCES || sent === total / 2 || sent === total)
        rows.push([
          String(sent),
          (last / 1e6).toFixed(0),
          ((await familyBytes(receiver.pid)) / 1e6).toFixed(0),
        ]);
    }
    print(table(['instances received', 'service MB', 'with child and PostgreSQL MB'], rows));
    return [
      {
        name: `growth of the service from ${WARM_INSTANCES} to ${total} instances`,
        measured: (last - warm) / 1e6,
        limit: { below: GROWTH_BELOW_MB },
        unit: 'MB',
      },
    ];
  } finally {
    await receiver.stop();
  }
}
