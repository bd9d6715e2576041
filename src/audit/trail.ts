import { type FileHandle, mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { RaunetError } from '../lib/errors';
import type { Log } from '../lib/log';

/** The files of the audit trail, one a day (UTC), one message a line. */
export interface Trail {
  /** On the disk soon; what waits meanwhile is written together. */
  append(line: string): void;
  /** Resolves when everything appended so far is on the disk, or cannot be now. */
  flush(): Promise<void>;
  close(): Promise<void>;
  /** Null: it is written. */
  failure(): RaunetError | null;
}

export const auditFileOf = (at: Date): string => `audit-${at.toISOString().slice(0, 10)}.log`;
const AUDIT_FILE = /^audit-\d{4}-\d\d-\d\d\.log$/;

/** Names in the order of time. */
export const auditFiles = async (folder: string): Promise<string[]> =>
  (await readdir(folder)).filter((name) => AUDIT_FILE.test(name)).sort();

/** While the disk is full messages wait in memory; beyond this the oldest are lost, which is logged. */
const MOST_WAITING = 100_000;
const RETRY_MS = 1000;

/**
 * Opens the trail; files older than `keepDays` are removed at each new day, unless `isSent` says that they are still to be sent.
 * Fsync policy: each write is followed by fdatasync, and what comes during one goes into the next. A power cut can lose
 * what happened in the milliseconds before it; nothing that the service does waits for its message.
 */
export async function openTrail(deps: {
  folder: string;
  keepDays: number;
  isSent(file: string): boolean;
  /** Something new is on the disk. */
  written(): void;
  log: Log;
}): Promise<Trail> {
  const { folder, log } = deps;
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((cause: Error) => {
    throw new RaunetError('RAUNET_AUDIT', { detail: cause.message }, { cause });
  });
  let waiting: string[] = [];
  let writing: Promise<void> | null = null;
  let today: { name: string; handle: FileHandle } | null = null;
  let failure: RaunetError | null = null;
  let retry: NodeJS.Timeout | undefined;

  const fileOfToday = async (): Promise<FileHandle> => {
    const name = auditFileOf(new Date());
    if (today?.name === name) return today.handle;
    await today?.handle.close();
    today = null;
    const handle = await open(join(folder, name), 'a', 0o600);
    today = { name, handle };
    const parent = await open(folder);
    await parent.sync().finally(() => parent.close());
    await removeOld();
    return handle;
  };
  const removeOld = async (): Promise<void> => {
    const oldest = auditFileOf(new Date(Date.now() - deps.keepDays * 86_400_000));
    for (const name of (await auditFiles(folder)).filter((each) => each < oldest && deps.isSent(each))) {
      await rm(join(folder, name));
      log.info('Retention erased a file of the audit trail', { file: name });
    }
  };
  const write = async (): Promise<void> => {
    while (waiting.length > 0) {
      const lines = waiting;
      waiting = [];
      try {
        const handle = await fileOfToday();
        // After a write that broke off, the rest of its line must not become the head of the next one.
        await handle.appendFile(`${failure === null ? '' : '\n'}${lines.join('\n')}\n`);
        await handle.datasync();
      } catch (cause) {
        waiting = [...lines, ...waiting];
        await today?.handle.close().catch(() => {}); // opened again, should it be another file by then
        today = null;
        const error = new RaunetError('RAUNET_AUDIT', { detail: (cause as Error).message }, { cause });
        if (failure === null) log.error('The audit trail cannot be written', { error });
        failure = error;
        retry = setTimeout(() => void start(), RETRY_MS).unref();
        return;
      }
      if (failure !== null) log.info('The audit trail is written again');
      failure = null;
      deps.written();
    }
  };
  const start = (): Promise<void> => {
    clearTimeout(retry);
    writing ??= write().finally(() => {
      writing = null;
    });
    return writing;
  };

  return {
    append(line) {
      waiting.push(line);
      if (waiting.length > MOST_WAITING) {
        waiting.shift();
        log.error('An audit message is lost: too many wait for the disk', { error: failure });
      }
      if (failure === null) void start();
    },
    flush: start,
    failure: () => failure,
    async close() {
      await start();
      clearTimeout(retry);
      if (waiting.length > 0)
        log.error('Audit messages are lost at the stop', { count: waiting.length, error: failure });
      await today?.handle.close();
    },
  };
}
