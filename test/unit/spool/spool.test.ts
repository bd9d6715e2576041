import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, statfs, symlink, utimes, writeFile } from 'node:fs/promises';
import promises from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { silentLog } from '../../../src/lib/log';
import { openSpool, type Spool } from '../../../src/spool/spool';
import { dataSet } from '../../fixtures/data-set';
import { collect } from '../../fixtures/held';

const CT = '1.2.840.10008.5.1.4.1.1.2';
const EXPLICIT = '1.2.840.10008.1.2.1';

const meta = (sopInstanceUid: string, transferSyntaxUid = EXPLICIT) => ({
  sopClassUid: CT,
  sopInstanceUid,
  transferSyntaxUid,
  callingAe: 'CT1',
  calledAe: 'RAUNET',
});

let dataDir: string;
let spool: Spool;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'raunet-spool-'));
  spool = await openSpool({ dataDir, log: silentLog });
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

/** Stores an instance as an association does. */
async function keep(sopInstanceUid: string, seriesUid = '1.2.5', bytes = dataSet({ sopInstanceUid })) {
  const file = spool.receive(meta(sopInstanceUid));
  try {
    for (let at = 0; at < bytes.length; at += 1000) await file.write(bytes.subarray(at, at + 1000));
    return await file.keep({ studyUid: '1.2.4', seriesUid });
  } finally {
    await file.close();
  }
}

const files = async () => {
  const list: string[] = [];
  for await (const file of spool.list()) list.push(file);
  return list.sort();
};
/** A link to itself: as with a share that does not answer, nobody can say what lies there. */
async function unreadable(path: string): Promise<void> {
  await rm(path);
  await symlink(path, path);
}
const parts = () => readdir(join(dataDir, 'spool', 'incoming'));

test('the names of the folders are synced, up to the first that was there', async () => {
  const opened = jest.spyOn(promises, 'open');
  const nested = join(dataDir, 'a', 'b');
  await openSpool({ dataDir: nested, log: silentLog });
  const synced = opened.mock.calls.map(([path]) => path);
  opened.mockRestore();
  for (const folder of [join(nested, 'spool'), nested, join(dataDir, 'a'), dataDir])
    expect(synced).toContain(folder);
});

// What an attempt left that failed before it had synced: the sender gets its Success for the second one.
test('a file that is there already is synced, and its name, before it counts as a duplicate', async () => {
  const first = await keep('1.2.6');
  const synced: string[] = [];
  const open = promises.open.bind(promises);
  const opened = jest.spyOn(promises, 'open').mockImplementation(async (path, ...given) => {
    const handle = await open(path, ...given);
    const sync = handle.sync.bind(handle);
    handle.sync = () => {
      synced.push(String(path));
      return sync();
    };
    return handle;
  });
  expect(await keep('1.2.6')).toMatchObject({ duplicate: true });
  opened.mockRestore();
  const file = spool.path(first.file);
  expect(synced).toContain(file);
  expect(synced.indexOf(dirname(file))).toBeGreaterThan(synced.indexOf(file));
});

test('the folders are created private, parents included, and opening again keeps what is there', async () => {
  const nested = join(dataDir, 'a', 'b');
  await openSpool({ dataDir: nested, log: silentLog });
  for (const folder of ['', 'spool', 'spool/incoming', 'results'])
    expect((await stat(join(nested, folder))).mode & 0o777).toBe(0o700);
  const { file } = await keep('1.2.6');
  spool = await openSpool({ dataDir, log: silentLog });
  expect(await files()).toEqual([file]);
});

test('a data folder that cannot be used: RAUNET_SPOOL_WRITE with what the system says', async () => {
  await writeFile(join(dataDir, 'file'), '');
  await expect(openSpool({ dataDir: join(dataDir, 'file'), log: silentLog })).rejects.toMatchObject({
    code: 'RAUNET_SPOOL_WRITE',
    message: expect.stringContaining('EEXIST'),
  });
});

describe('verify', () => {
  test('a file that is what it was: nothing', async () => {
    const { file, sha256 } = await keep('1.2.6');
    await expect(spool.verify(file, sha256)).resolves.toBeUndefined();
  });

  test('one byte altered: RAUNET_SPOOL_ALTERED; removed: RAUNET_SPOOL_MISSING', async () => {
    const { file, sha256 } = await keep('1.2.6');
    const bytes = await readFile(spool.path(file));
    bytes[bytes.length - 1]! ^= 1;
    await writeFile(spool.path(file), bytes);
    await expect(spool.verify(file, sha256)).rejects.toMatchObject({ code: 'RAUNET_SPOOL_ALTERED' });
    await rm(spool.path(file));
    await expect(spool.verify(file, sha256)).rejects.toMatchObject({ code: 'RAUNET_SPOOL_MISSING' });
  });

  test('a file that cannot be read now is not lost: RAUNET_SPOOL_READ, transient, with what the system says', async () => {
    const { file, sha256 } = await keep('1.2.6');
    await unreadable(spool.path(file));
    const passing = { code: 'RAUNET_SPOOL_READ', class: 'transient', context: { detail: `${file}: ELOOP` } };
    await expect(spool.verify(file, sha256)).rejects.toMatchObject(passing);
    await expect(spool.inspect(file)).rejects.toMatchObject(passing);
  });
});

describe('list and inspect', () => {
  test('every stored instance, enough to record it again; nothing else', async () => {
    const stored = [await keep('1.2.6'), await keep('1.2.7', '1.2.55')];
    const conflict = await keep(
      '1.2.6',
      '1.2.5',
      dataSet({ sopInstanceUid: '1.2.6', pixels: Buffer.alloc(50) }),
    );
    const unfinished = spool.receive(meta('1.2.8'));
    await unfinished.write(Buffer.alloc(10));
    await writeFile(join(dataDir, 'spool', 'note.txt'), 'not ours');
    const all = [...stored, conflict];
    expect(await files()).toEqual(all.map(({ file }) => file).sort());
    for (const { duplicate, ...instance } of all) {
      expect(duplicate).toBe(false);
      const { receivedAt, ...inspected } = await spool.inspect(instance.file);
      expect({ ...inspected, receivedAt: instance.receivedAt }).toEqual(instance);
      expect(Math.abs(receivedAt.getTime() - instance.receivedAt.getTime())).toBeLessThan(5000);
    }
    expect(conflict.conflicting).toBe(true);
    await unfinished.close();
  });

  test('a file that is none of ours: RAUNET_SPOOL_ALTERED; none at all: RAUNET_SPOOL_MISSING', async () => {
    const { file } = await keep('1.2.6');
    await writeFile(spool.path(file), 'something else');
    await expect(spool.inspect(file)).rejects.toMatchObject({ code: 'RAUNET_SPOOL_ALTERED' });
    await expect(spool.inspect('1.2/3.4/5.6.dcm')).rejects.toMatchObject({ code: 'RAUNET_SPOOL_MISSING' });
  });
});

test('a file that another version wrote, with another group 2, is a duplicate where its data set is the same', async () => {
  const first = await keep('1.2.6');
  const path = spool.path(first.file);
  const bytes = await readFile(path);
  bytes[bytes.indexOf('RAUNET_PACS') + 12]! ^= 1; // the implementation version name
  await writeFile(path, bytes);
  expect(await keep('1.2.6')).toMatchObject({
    duplicate: true,
    conflicting: false,
    file: first.file,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  });
});

test('the same instance in another transfer syntax is no duplicate', async () => {
  await keep('1.2.6');
  const bytes = dataSet({ sopInstanceUid: '1.2.6' });
  const file = spool.receive(meta('1.2.6', '1.2.840.10008.1.2.5'));
  await file.write(bytes);
  expect(await file.keep({ studyUid: '1.2.4', seriesUid: '1.2.5' })).toMatchObject({
    conflicting: true,
    duplicate: false,
  });
  await file.close();
});

test('sweep removes parts that nothing wrote to for that long, and no other file', async () => {
  const incoming = join(dataDir, 'spool', 'incoming');
  const old = join(incoming, 'old.part');
  await writeFile(old, '');
  await utimes(old, new Date(), new Date(Date.now() - 61_000));
  await writeFile(join(incoming, 'young.part'), '');
  const { file } = await keep('1.2.6');
  await spool.sweep(60);
  expect(await parts()).toEqual(['young.part']);
  expect(await files()).toEqual([file]);
});

describe('removeSeries', () => {
  test('erases what was received and made of one series; the study goes with its last series; once more does nothing', async () => {
    for (const uid of ['1.2.6', '1.2.7']) await keep(uid);
    const stays = await keep('1.2.8', '1.2.55');
    const result = { sourceSeriesUid: '1.2.5', sopInstanceUid: '1.2.9', bytes: Buffer.alloc(700) };
    const { file } = await spool.storeResult(result);
    await spool.removeSeries({ studyUid: '1.2.4', seriesUid: '1.2.5' });
    expect(await files()).toEqual([stays.file]);
    await expect(readFile(spool.resultPath(file))).rejects.toThrow('ENOENT');
    for (let i = 0; i < 2; i++) await spool.removeSeries({ studyUid: '1.2.4', seriesUid: '1.2.55' });
    expect(await readdir(join(dataDir, 'spool'))).toEqual(['incoming']);
  });

  test('a name whose file is gone does not end it', async () => {
    const { file } = await keep('1.2.6');
    await symlink('nothing', spool.path(file.replace('1.2.6', '1.2.7')));
    await spool.removeSeries({ studyUid: '1.2.4', seriesUid: '1.2.5' });
    expect(await readdir(join(dataDir, 'spool'))).toEqual(['incoming']);
  });

  test('what cannot be erased is RAUNET_SPOOL_WRITE with its series', async () => {
    jest
      .spyOn(promises, 'rm')
      .mockRejectedValueOnce(Object.assign(new Error('EROFS: read-only'), { code: 'EROFS' }));
    await expect(spool.removeSeries({ studyUid: '1.2.4', seriesUid: '1.2.5' })).rejects.toMatchObject({
      code: 'RAUNET_SPOOL_WRITE',
      context: { seriesUid: '1.2.5', detail: 'EROFS' },
    });
  });

  test('an instance that comes after it, also after another process removed it, is stored', async () => {
    await keep('1.2.6');
    await spool.removeSeries({ studyUid: '1.2.4', seriesUid: '1.2.5' });
    const again = await keep('1.2.6');
    expect(await files()).toEqual([again.file]);
    await rm(join(dataDir, 'spool', '1.2.4'), { recursive: true });
    expect(await keep('1.2.6')).toMatchObject({ duplicate: false });
    expect(await files()).toEqual([again.file]);
  });
});

describe('storeResult', () => {
  test('the bytes, private, under the series they were made of; others under the same UID change nothing: the first may have left the house', async () => {
    const bytes = Buffer.from('first');
    for (const given of [bytes, Buffer.from('second')]) {
      const { file, sha256 } = await spool.storeResult({
        sourceSeriesUid: '1.2.5',
        sopInstanceUid: '1.2.9',
        bytes: given,
      });
      expect(file).toBe('1.2.5/1.2.9.dcm');
      expect(await readFile(spool.resultPath(file))).toEqual(bytes);
      expect((await stat(spool.resultPath(file))).mode & 0o777).toBe(0o600);
      await expect(spool.verifyResult(file, sha256)).resolves.toBeUndefined();
    }
    expect(await parts()).toEqual([]);
  });

  test('altered or gone before it is sent: RAUNET_RESULT_MISSING, which says which of the two', async () => {
    const result = { sourceSeriesUid: '1.2.5', sopInstanceUid: '1.2.9', bytes: Buffer.from('seg') };
    const { file, sha256 } = await spool.storeResult(result);
    await writeFile(spool.resultPath(file), 'other');
    const lost = (detail: string) => ({ code: 'RAUNET_RESULT_MISSING', context: { detail } });
    await expect(spool.verifyResult(file, sha256)).rejects.toMatchObject(
      lost('1.2.5/1.2.9.dcm has other bytes'),
    );
    await rm(spool.resultPath(file));
    await expect(spool.verifyResult(file, sha256)).rejects.toMatchObject(lost('1.2.5/1.2.9.dcm is gone'));
  });

  test('that cannot be read now is not lost: RAUNET_SPOOL_READ, transient, so that it is sent later', async () => {
    const result = { sourceSeriesUid: '1.2.5', sopInstanceUid: '1.2.9', bytes: Buffer.from('seg') };
    const { file, sha256 } = await spool.storeResult(result);
    await unreadable(spool.resultPath(file));
    await expect(spool.verifyResult(file, sha256)).rejects.toMatchObject({
      code: 'RAUNET_SPOOL_READ',
      class: 'transient',
      context: { detail: '1.2.5/1.2.9.dcm: ELOOP' },
    });
  });

  test('a folder that cannot be made: RAUNET_SPOOL_WRITE, and no part stays', async () => {
    await rm(join(dataDir, 'results'), { recursive: true });
    await writeFile(join(dataDir, 'results'), '');
    const result = { sourceSeriesUid: '1.2.5', sopInstanceUid: '1.2.9', bytes: Buffer.alloc(10) };
    await expect(spool.storeResult(result)).rejects.toMatchObject({ code: 'RAUNET_SPOOL_WRITE' });
    expect(await parts()).toEqual([]);
  });
});

// Found by test/faults/faults.test.ts: with the spool on a file system of its own no result could be kept (EXDEV).
test('results are begun where they are kept, not in the spool, and swept there', async () => {
  await rm(join(dataDir, 'spool', 'incoming'), { recursive: true });
  await spool.storeResult({ sourceSeriesUid: '1.2.5', sopInstanceUid: '1.2.9', bytes: Buffer.from('seg') });
  const left = join(dataDir, 'results', 'incoming', 'left.part');
  await writeFile(left, 'half a result');
  await utimes(left, 0, 0);
  await spool.sweep(60);
  expect(await readdir(join(dataDir, 'results', 'incoming'))).toEqual([]);
});

describe('freeBytes is what is left to us', () => {
  const free = async (folder: string): Promise<number> => {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  };

  test('on the file system of the data folder', async () => {
    expect(await spool.freeBytes()).toBeGreaterThan(1024 * 1024);
  });

  // A link leads to another file system as a mount does, and needs no root. Which of the two has less is the machine's.
  test.each([
    ['spool', () => tmpdir(), '/dev/shm'],
    ['results', () => tmpdir(), '/dev/shm'],
    ['spool', () => '/dev/shm', tmpdir()],
    ['results', () => '/dev/shm', tmpdir()],
  ])('%s on a file system of its own: where the least is free (Linux)', async (name, home, elsewhere) => {
    const [ours, other] = await Promise.all(
      [home(), elsewhere].map((folder) => mkdtemp(join(folder, 'raunet-spool-'))),
    );
    try {
      await symlink(other!, join(ours!, name));
      const measured = await (await openSpool({ dataDir: ours!, log: silentLog })).freeBytes();
      const [least, most] = (await Promise.all([free(ours!), free(other!)])).sort((a, b) => a - b);
      // Others write meanwhile.
      expect(Math.abs(measured - least!)).toBeLessThan(Math.abs(measured - most!));
    } finally {
      for (const folder of [ours!, other!]) await rm(folder, { recursive: true });
    }
  });
});

test('memory stays flat: 200 MB through one file', async () => {
  const file = spool.receive(meta('1.2.6'));
  // At once: in a pause what waits for the disk would be written.
  const held = () => {
    collect();
    collect(); // frees what the first one found
    return process.memoryUsage().arrayBuffers / 1e6;
  };
  const before = held();
  let most = 0;
  for (let n = 0; n < 1600; n++) {
    await file.write(Buffer.alloc(131_072, n));
    if (n % 200 === 199) most = Math.max(most, held() - before);
  }
  await file.close();
  expect(most).toBeLessThan(16);
  expect(await parts()).toEqual([]);
});
