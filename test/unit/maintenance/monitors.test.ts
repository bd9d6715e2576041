import { RaunetError } from '../../../src/lib/errors';
import { type Log, silentLog } from '../../../src/lib/log';
import { diskWatermark } from '../../../src/maintenance/disk-watermark';
import { echoMonitor } from '../../../src/maintenance/echo-monitor';

function recordingLog(): { log: Log; lines: string[] } {
  const lines: string[] = [];
  const push = (message: string) => void lines.push(message);
  return { log: { ...silentLog, info: push, warn: push, error: push }, lines };
}

describe('disk watermark', () => {
  test('closes below the limit, opens again only a tenth above it, and says each once', async () => {
    const { log, lines } = recordingLog();
    const seen: boolean[] = [];
    let freeBytes = 0;
    const disk = diskWatermark({ minFreeBytes: 1000, freeBytes: async () => freeBytes, log });
    expect(disk.state().low).toBe(false);
    for (freeBytes of [1000, 999, 500, 1050, 1099, 1100, 1050, 999]) {
      await disk.check();
      seen.push(disk.state().low);
    }
    expect(seen).toEqual([false, true, true, true, true, false, false, true]);
    expect(lines).toHaveLength(3);
  });

  test('a limit of zero never closes', async () => {
    const disk = diskWatermark({ minFreeBytes: 0, freeBytes: async () => 0, log: silentLog });
    await disk.check();
    expect(disk.state()).toEqual({ low: false, freeBytes: 0 });
  });
});

describe('echo monitor', () => {
  test('keeps the last result of each destination with the time of the change, and logs changes only', async () => {
    const { log, lines } = recordingLog();
    let minutes = 0;
    let pacsUp = true;
    const monitor = echoMonitor({
      destinations: ['pacs', 'archive'],
      async echo(destination) {
        if (destination === 'archive' || !pacsUp)
          throw new RaunetError('RAUNET_DESTINATION_DOWN', { destination });
      },
      log,
      clock: { now: () => new Date(Date.UTC(2030, 0, 1, 0, minutes)) },
    });
    expect(monitor.results().size).toBe(0);
    for (const up of [true, true, false, false]) {
      pacsUp = up;
      await monitor.run();
      minutes++;
    }
    expect(monitor.results().get('pacs')).toMatchObject({
      ok: false,
      error: { code: 'RAUNET_DESTINATION_DOWN' },
      since: new Date(Date.UTC(2030, 0, 1, 0, 2)),
      at: new Date(Date.UTC(2030, 0, 1, 0, 3)),
    });
    expect(monitor.results().get('archive')).toMatchObject({
      ok: false,
      since: new Date(Date.UTC(2030, 0, 1)),
    });
    expect(lines).toEqual([
      'A destination answers to C-ECHO',
      'A destination does not answer to C-ECHO',
      'A destination does not answer to C-ECHO',
    ]);
  });
});
