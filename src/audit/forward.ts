import { once } from 'node:events';
import { open, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config/schema';
import { RaunetError } from '../lib/errors';
import type { Log } from '../lib/log';
import { connectTls } from '../lib/tls';
import { framed } from './syslog';
import { auditFiles } from './trail';

type SyslogConfig = NonNullable<Config['audit']['syslog']>;

export interface Forward {
  /** There is more in the files. */
  wake(): void;
  isSent(file: string): boolean;
  /** Null: connected. */
  failure(): RaunetError | null;
  /** Sends what is left, as far as that goes quickly. */
  close(): Promise<void>;
}

interface Position {
  file: string;
  offset: number;
}

const CONNECT_MS = 10_000;
const CLOSE_MS = 3000;
const RETRY_MS = { first: 1000, most: 60_000 };
/** Syslog has no acknowledgement: what went out so shortly before a break is sent again. The sequence number tells it apart. */
const DOUBT_MS = 10_000;
const CHUNK = 256 * 1024;

/**
 * Sends the lines of the trail to a syslog server over TLS (RFC 5425), in order, from where it stopped: the files are the
 * queue, and `sent.json` beside them the place in it. It reconnects for ever.
 */
export async function openForward(deps: {
  folder: string;
  config: SyslogConfig;
  log: Log;
  retryMs?: number;
}): Promise<Forward> {
  const { folder, config, log } = deps;
  const place = join(folder, 'sent.json');
  let sure: Position = await readFile(place, 'utf8').then(
    (text) => JSON.parse(text) as Position,
    () => ({ file: '', offset: 0 }),
  );
  let failure: RaunetError | null = null;
  let told = false;
  const closing = new AbortController();
  let wake = (): void => {};

  /** Something happened, or a second is over. */
  const event = (): Promise<void> =>
    new Promise((resolve) => {
      const late = setTimeout(resolve, 1000).unref();
      wake = () => {
        clearTimeout(late);
        resolve();
      };
    });
  const keep = async (position: Position): Promise<void> => {
    if (position.file === sure.file && position.offset === sure.offset) return;
    sure = position;
    await writeFile(`${place}.new`, JSON.stringify(sure), { mode: 0o600 });
    await rename(`${place}.new`, place);
  };

  /** Until the connection ends, or `close` and everything is sent. */
  async function serve(): Promise<void> {
    const { host, port, ...tls } = config;
    const socket = await connectTls({ host, port, tls, context: {} });
    try {
      await once(socket, 'secureConnect', { signal: AbortSignal.timeout(CONNECT_MS) });
      const line: { lost: Error | null } = { lost: null };
      socket.on('error', (error) => {
        line.lost = error;
      });
      socket.on('close', () => {
        line.lost ??= new Error('the server closed the connection');
        wake();
      });
      socket.on('drain', () => wake());
      socket.resume(); // its end is noticed only by reading
      failure = null;
      if (told) log.info('The audit trail is sent again');
      told = false;
      let at = sure;
      const unsure: { position: Position; since: number }[] = [];
      for (;;) {
        if (line.lost !== null) throw line.lost;
        const { lines, next } = await nextLines(folder, at);
        for (const each of lines) {
          socket.write(framed(each));
          while (socket.writableNeedDrain && line.lost === null) await event();
        }
        if (lines.length > 0) unsure.push({ position: next, since: Date.now() });
        at = next;
        while (unsure[0] !== undefined && Date.now() - unsure[0].since > DOUBT_MS)
          await keep(unsure.shift()!.position);
        if (lines.length > 0) continue;
        if (closing.signal.aborted) break;
        await event();
      }
      const closed = once(socket, 'close');
      socket.end();
      await Promise.race([closed, sleep(CLOSE_MS, undefined, { ref: false })]);
      if (socket.closed && socket.errored === null) await keep(at);
    } finally {
      socket.destroy();
    }
  }

  const running = (async () => {
    for (let pause = deps.retryMs ?? RETRY_MS.first; !closing.signal.aborted; ) {
      try {
        await serve();
        return;
      } catch (cause) {
        const healthy = failure === null && told === false;
        failure = new RaunetError(
          'RAUNET_AUDIT_SYSLOG',
          { detail: `${config.host}:${config.port}, ${(cause as Error).message}` },
          { cause },
        );
        if (healthy) pause = deps.retryMs ?? RETRY_MS.first;
        if (!told) log.error('The audit trail cannot be sent', { error: failure });
        told = true;
        await sleep(pause, undefined, { signal: closing.signal, ref: false }).catch(() => {});
        pause = Math.min(pause * 2, RETRY_MS.most);
      }
    }
  })();

  return {
    wake: () => wake(),
    isSent: (file) => file < sure.file,
    failure: () => failure,
    async close() {
      closing.abort();
      wake();
      await Promise.race([running, sleep(2 * CLOSE_MS, undefined, { ref: false })]);
    },
  };
}

/** Whole lines from `at` on, without their ends, and where the next ones begin: in the next file once one is at its end. */
async function nextLines(folder: string, at: Position): Promise<{ lines: Buffer[]; next: Position }> {
  const files = await auditFiles(folder);
  const file = files.find((name) => name >= at.file);
  if (file === undefined) return { lines: [], next: at };
  const offset = file === at.file ? at.offset : 0;
  const handle = await open(join(folder, file));
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(CHUNK), 0, CHUNK, offset);
    const end = buffer.subarray(0, bytesRead).lastIndexOf('\n') + 1;
    const later = files.find((name) => name > file);
    if (end === 0 && later !== undefined) return { lines: [], next: { file: later, offset: 0 } };
    const lines: Buffer[] = [];
    for (let from = 0; from < end; ) {
      const to = buffer.indexOf('\n', from);
      if (to > from) lines.push(buffer.subarray(from, to));
      from = to + 1;
    }
    return { lines, next: { file, offset: offset + end } };
  } finally {
    await handle.close();
  }
}
