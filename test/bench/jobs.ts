import { table } from '../../src/cli/table';
import { watchSeries } from '../../src/demo/watch';
import { STAGES } from '../../src/lib/stages';
import { freePort } from '../fixtures/ports';
import { startService } from '../fixtures/service';
import type { Bar } from './bars';
import { withPeak } from './memory-of';
import { push } from './push';
import { storescp } from './receivers';
import type { Slices } from './slices';

const QUIET_SECONDS = 2;
/** For 300 slices; fewer are held to the same. */
const OTHER_SECONDS_BELOW = 10;
const MEMORY_BELOW_MB = 1200;

/** Whole jobs, from the first C-STORE to the last result at a storescp, by stage. */
export async function benchJobs(phantoms: readonly Slices[], print: (line: string) => void): Promise<Bar[]> {
  const pacs = await storescp();
  const service = await startService({
    dicomPort: await freePort(),
    pacsPort: pacs.port,
    quietSeconds: QUIET_SECONDS,
  }).catch(async (error: unknown) => {
    await pacs.stop();
    throw error;
  });
  try {
    const bars: Bar[] = [];
    const columns: Map<string, number>[] = [];
    const job = async ({ files, seriesUid }: Slices) => {
      await push({ aeTitle: 'RAUNET', port: service.dicomPort }, files);
      return watchSeries(`http://127.0.0.1:${service.adminPort}`, seriesUid, () => {});
    };
    for (const phantom of phantoms) {
      const { result, peakBytes } = await withPeak(service.pid(), () => job(phantom));
      if (result.state !== 'done') throw new Error(`the phantom ended as ${result.state}: ${result.reason}`);
      const seconds = new Map(result.seconds.map((entry) => [entry.state, entry.seconds]));
      columns.push(seconds);
      const whole = [...seconds.values()].reduce((sum, each) => sum + each, 0);
      const name = `${phantom.files.length} slices`;
      bars.push(
        {
          name: `${name}, all but inference and quiet time`,
          measured: whole - (seconds.get('inference') ?? 0) - QUIET_SECONDS,
          limit: { below: OTHER_SECONDS_BELOW },
          unit: 's',
        },
        {
          name: `${name}, most memory of service, child and PostgreSQL`,
          measured: peakBytes / 1e6,
          limit: { below: MEMORY_BELOW_MB },
          unit: 'MB',
        },
      );
    }
    const states = STAGES.filter((stage) => columns.some((seconds) => seconds.has(stage)));
    const rows = states.map((state) => [
      state === 'spool' ? `spool (with ${QUIET_SECONDS} s of quiet)` : state,
      ...columns.map((seconds) => (seconds.get(state) ?? 0).toFixed(1)),
    ]);
    const total = columns.map((seconds) => [...seconds.values()].reduce((sum, each) => sum + each, 0));
    print(
      table(
        ['stage', ...phantoms.map(({ files }) => `${files.length} slices, s`)],
        [...rows, ['all', ...total.map((seconds) => seconds.toFixed(1))]],
      ),
    );
    return bars;
  } finally {
    await service.dispose();
    await pacs.stop();
  }
}
