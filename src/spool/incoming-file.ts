import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { IncomingFile, InstanceMeta } from '../association/types';
import { type DurableFolders, FILE_MODE, spoolError, writeAll } from './durable';
import { encodeFileMeta } from './part10';
import { publish } from './publish';

/** Bytes gathered for one write: an uncompressed CT slice comes in 4 to 32 pieces and is written at once. */
const WRITE_SIZE = 1024 * 1024;

/**
 * What a slow sender has sent is written after so long: a part that grows is no remainder of a broken transfer, and
 * whoever sweeps, here or on another machine, knows it by its time.
 */
const WRITE_MS = 200;

/** The start of the file is kept in memory for `head`: nearly every header ends within it. */
const START_SIZE = 64 * 1024;

export interface SpoolFolders {
  incoming: string;
  /** `<spool>/<study>/<series>` */
  series: DurableFolders;
}

/** `<incoming>/<random>.part`: preamble and group 2, then the data set as it comes, unaltered. */
export class PartFile implements IncomingFile {
  private readonly path: string;
  private readonly opening: Promise<FileHandle>;
  private readonly hash = createHash('sha256');
  private readonly start: Buffer[] = [];
  private gathered: Buffer[] = [];
  private gatheredBytes = 0;
  private written: readonly Buffer[] = [];
  private sizeBytes = 0;
  /** `performance.now()` of the last write. */
  private flushed = performance.now();
  /** The write under way, or how it failed: thrown by the next one. */
  private writing: Promise<unknown>;
  private closing: Promise<void> | undefined;

  constructor(
    private readonly folders: SpoolFolders,
    private readonly meta: InstanceMeta,
  ) {
    this.path = join(folders.incoming, `${randomUUID()}.part`);
    this.opening = open(this.path, 'wx+', FILE_MODE);
    this.writing = this.opening;
    this.writing.catch(() => {});
    this.take(encodeFileMeta(meta));
  }

  async write(bytes: Buffer): Promise<void> {
    this.take(bytes);
    if (this.gatheredBytes >= WRITE_SIZE || performance.now() - this.flushed > WRITE_MS)
      await this.orSpoolError(this.flush());
  }

  async head(length: number): Promise<Buffer> {
    if (length <= START_SIZE || this.sizeBytes <= START_SIZE)
      return Buffer.concat(this.start).subarray(0, length);
    return this.orSpoolError(this.read(Math.min(length, this.sizeBytes)));
  }

  async keep(place: { studyUid: string; seriesUid: string }) {
    const instance = {
      ...this.meta,
      ...place,
      sizeBytes: this.sizeBytes,
      receivedAt: new Date(),
    };
    const part = { path: this.path, synced: this.sync() };
    part.synced.catch(() => {}); // thrown by publish, unless that fails before
    return this.orSpoolError(publish(this.folders.series, part, instance));
  }

  close(): Promise<void> {
    this.closing ??= this.release();
    return this.closing;
  }

  private async release(): Promise<void> {
    await this.writing.catch(() => {});
    // A part that cannot be removed now is swept later.
    await Promise.allSettled([this.opening.then((handle) => handle.close()), unlink(this.path)]);
  }

  private take(bytes: Buffer): void {
    this.gathered.push(bytes);
    this.gatheredBytes += bytes.length;
    if (this.sizeBytes < START_SIZE) this.start.push(bytes);
    this.sizeBytes += bytes.length;
  }

  /** Begins to write what was gathered when the write before it is done: one at a time, in order, while more comes in. */
  private async flush(): Promise<void> {
    this.flushed = performance.now();
    const buffers = this.gathered;
    this.gathered = [];
    this.gatheredBytes = 0;
    await this.writing;
    if (buffers.length === 0) return;
    this.writing = writeAll(await this.opening, buffers);
    this.writing.catch(() => {});
    this.digest();
    this.written = buffers;
  }

  /** Resolves to the file's sha256 when its bytes are durable. */
  private async sync(): Promise<string> {
    await this.flush();
    await this.writing;
    const synced = (await this.opening).sync();
    this.digest();
    await synced;
    return this.hash.digest('hex');
  }

  /** Hashes what was written last, while the disk is at work: the sender need not wait for it. */
  private digest(): void {
    for (const bytes of this.written) this.hash.update(bytes);
    this.written = [];
  }

  private async read(length: number): Promise<Buffer> {
    await this.flush();
    await this.writing;
    const { bytesRead, buffer } = await (await this.opening).read(Buffer.alloc(length), 0, length, 0);
    return buffer.subarray(0, bytesRead);
  }

  private async orSpoolError<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (cause) {
      throw spoolError(cause, { sopInstanceUid: this.meta.sopInstanceUid });
    }
  }
}
