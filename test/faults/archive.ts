import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readMeta } from '../../src/dicom/meta';
import { dcmtk } from '../fixtures/dcmtk';
import type { Orthanc } from '../fixtures/orthanc';
import { instancesOf } from '../fixtures/pacs';
import { freePort } from '../fixtures/ports';
import { until } from '../fixtures/until';

/** An object as a destination has it. */
export interface Archived {
  sopInstanceUid: string;
  studyUid: string;
  modality: string;
  /** SOP Instance UIDs that it refers to, at any depth. */
  references: ReadonlySet<string>;
  dataSet: Buffer;
}

export interface Archive {
  port: number;
  /** SIGKILL, and after `seconds` it is there again with what it had. */
  interrupt(seconds: number): Promise<void>;
  /** Every object once, however often it was sent. Rejects where it was sent with different bytes. */
  objects(): Promise<Archived[]>;
  /** Objects that came whole, counting each time. */
  received(): Promise<number>;
  stop(): Promise<void>;
}

/** DCMTK's storescp, which keeps each object that it is sent as a file of its own, bit by bit. */
/** at: its port; left out: any. */
export async function startArchive(at?: number): Promise<Archive> {
  const port = at ?? (await freePort());
  const folder = await mkdtemp(join(tmpdir(), 'raunet-archive-'));
  let child: ChildProcess;
  const start = async (): Promise<void> => {
    const options = ['+B', '+uf', '-od', folder, '--max-pdu', '131072', String(port)];
    child = spawn('storescp', options, { env: { ...process.env, TCP_NODELAY: '1' }, stdio: 'ignore' });
    await until(
      'storescp answers',
      async () => (await dcmtk('echoscu', '127.0.0.1', String(port))).status === 0,
    );
  };
  const end = (signal: NodeJS.Signals): Promise<void> =>
    new Promise((done) => {
      child.once('exit', () => done());
      child.kill(signal);
    });
  /** Paths by instance; those that were broken off by a kill are the beginning of a whole one. */
  const copies = async (): Promise<Map<string, { path: string; dataSet: Buffer }[]>> => {
    const found = new Map<string, { path: string; dataSet: Buffer }[]>();
    for (const name of await readdir(folder)) {
      const bytes = await readFile(join(folder, name));
      const sopInstanceUid = metaOf(bytes)?.sopInstanceUid;
      if (!sopInstanceUid) continue;
      const copy = { path: join(folder, name), dataSet: bytes.subarray(readMeta(bytes).end) };
      found.set(sopInstanceUid, [...(found.get(sopInstanceUid) ?? []), copy]);
    }
    for (const list of found.values()) list.sort((a, b) => b.dataSet.length - a.dataSet.length);
    return found;
  };
  await start();
  return {
    port,
    async interrupt(seconds) {
      await end('SIGKILL');
      await new Promise((done) => setTimeout(done, seconds * 1000));
      await start();
    },
    async objects() {
      const whole: { path: string; dataSet: Buffer }[] = [];
      for (const [sopInstanceUid, [first, ...others]] of await copies()) {
        whole.push(first!);
        const differs = others.some(
          ({ dataSet }) => !first!.dataSet.subarray(0, dataSet.length).equals(dataSet),
        );
        if (differs) throw new Error(`${sopInstanceUid} was sent with different bytes`);
      }
      const read = await inspect(whole.map(({ path }) => path));
      return whole.map(({ path, dataSet }) => ({ ...read.get(path)!, dataSet }));
    },
    async received() {
      const lists = [...(await copies()).values()];
      return lists.flatMap((list) => list.filter(({ dataSet }) => dataSet.length === list[0]!.dataSet.length))
        .length;
    },
    async stop() {
      await end('SIGTERM');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function metaOf(bytes: Buffer): ReturnType<typeof readMeta> | null {
  try {
    return readMeta(bytes);
  } catch {
    return null;
  }
}

/** What Orthanc has of some studies. */
export async function objectsIn(orthanc: Orthanc, studyUids: Iterable<string>): Promise<Archived[]> {
  const folder = await mkdtemp(join(tmpdir(), 'raunet-orthanc-objects-'));
  try {
    const files = new Map<string, Buffer>();
    for (const studyUid of studyUids)
      for (const { id } of await instancesOf(orthanc, studyUid)) {
        const path = join(folder, id);
        files.set(path, await orthanc.bytes(`/instances/${id}/file`));
        await writeFile(path, files.get(path)!);
      }
    const read = await inspect([...files.keys()]);
    return [...files].map(([path, bytes]) => ({
      ...read.get(path)!,
      dataSet: bytes.subarray(readMeta(bytes).end),
    }));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const TAGS = {
  sopInstanceUid: '0008,0018',
  modality: '0008,0060',
  studyUid: '0020,000d',
  reference: '0008,1155',
};

/** What DCMTK reads in files, by path. */
async function inspect(paths: readonly string[]): Promise<Map<string, Omit<Archived, 'dataSet'>>> {
  const found = new Map<string, Omit<Archived, 'dataSet'>>();
  for (const path of paths) {
    const search = Object.values(TAGS).flatMap((tag) => ['+P', tag]);
    const { status, output } = await dcmtk('dcmdump', '-q', ...search, path);
    if (status !== 0) throw new Error(`dcmdump does not read ${path}: ${output}`);
    const values = (tag: string): string[] =>
      [...output.matchAll(new RegExp(`^\\s*\\(${tag}\\) .. \\[([^\\]]*)\\]`, 'gm'))].map(
        ([, value]) => value!,
      );
    const one = (tag: string): string => values(tag)[0] ?? '';
    found.set(path, {
      sopInstanceUid: one(TAGS.sopInstanceUid),
      modality: one(TAGS.modality),
      studyUid: one(TAGS.studyUid),
      references: new Set(values(TAGS.reference)),
    });
  }
  return found;
}
