import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readMeta } from '../../src/dicom/meta';
import { SOP_CLASS, TRANSFER_SYNTAX } from '../../src/dicom/uids';
import { writePart10 } from '../../src/dicom/write';
import { dcmtk, type Reference, sendAsItIs, startReference, wasStored } from '../fixtures/dcmtk';
import { type Receiver, startReceiver } from '../fixtures/receiver';
import { until } from '../fixtures/until';

/** DCMTK as the sender. */

let receiver: Receiver;
let reference: Reference;
let folder: string;

beforeAll(async () => {
  reference = await startReference();
});
afterAll(() => reference.stop());
beforeEach(async () => {
  receiver = await startReceiver();
  folder = await mkdtemp(join(tmpdir(), 'raunet-send-'));
});
afterEach(async () => {
  await receiver.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A CT image of 64 x 64 with a private block and a sequence, as a file. */
async function ctFile(
  sopInstanceUid: string,
  seriesUid = '1.2.826.0.1.5',
  bits: 8 | 12 | 16 = 16,
): Promise<string> {
  const bytes = bits === 8 ? 1 : 2;
  const pixels = Buffer.alloc(64 * 64 * bytes);
  for (let i = 0; i < 64 * 64; i++) {
    const value = ((i % 64) * 40 + Math.floor(i / 64)) % 2 ** Math.min(bits, 12);
    if (bits === 8) pixels[i] = value;
    else pixels.writeUInt16LE(value, i * 2);
  }
  const file = join(folder, `${sopInstanceUid}.dcm`);
  await writeFile(
    file,
    writePart10({
      sopClassUid: SOP_CLASS.ct,
      sopInstanceUid,
      transferSyntaxUid: TRANSFER_SYNTAX.explicitLittleEndian,
      dataset: {
        StudyInstanceUID: '1.2.826.0.1.4',
        SeriesInstanceUID: seriesUid,
        Modality: 'CT',
        PatientName: 'Synthetic^Patient',
        ReferencedImageSequence: [{ ReferencedSOPClassUID: SOP_CLASS.ct, ReferencedSOPInstanceUID: '1.2.3' }],
        SamplesPerPixel: 1,
        PhotometricInterpretation: 'MONOCHROME2',
        Rows: 64,
        Columns: 64,
        BitsAllocated: bytes * 8,
        BitsStored: bits,
        HighBit: bits - 1,
        PixelRepresentation: 0,
        PixelData: pixels,
      },
    }),
  );
  return file;
}

test('echoscu', async () => {
  const port = String(receiver.port);
  expect(await dcmtk('echoscu', '-aec', 'RAUNET', '127.0.0.1', port)).toMatchObject({ status: 0 });
  const refused = await dcmtk('echoscu', '-aec', 'ELSE', '127.0.0.1', port);
  expect(refused.status).not.toBe(0);
  expect(refused.output).toContain('Called AE Title Not Recognized');
});

describe('storescu, every transfer syntax that DCMTK writes: the bytes on the wire are the bytes on the disk', () => {
  test.each<[string, string, string[], (8 | 12 | 16)?]>([
    ['implicit little endian', TRANSFER_SYNTAX.implicitLittleEndian, ['dcmconv', '+ti']],
    ['explicit little endian', TRANSFER_SYNTAX.explicitLittleEndian, ['dcmconv', '+te']],
    ['explicit big endian', TRANSFER_SYNTAX.explicitBigEndian, ['dcmconv', '+tb']],
    ['deflated', TRANSFER_SYNTAX.deflatedExplicitLittleEndian, ['dcmconv', '+td']],
    ['undefined lengths', TRANSFER_SYNTAX.explicitLittleEndian, ['dcmconv', '+te', '-e']],
    ['RLE', TRANSFER_SYNTAX.rle, ['dcmcrle']],
    ['JPEG baseline', TRANSFER_SYNTAX.jpegBaseline, ['dcmcjpeg', '+eb'], 8],
    ['JPEG extended', TRANSFER_SYNTAX.jpegExtended, ['dcmcjpeg', '+ee'], 12],
    ['JPEG lossless', TRANSFER_SYNTAX.jpegLossless, ['dcmcjpeg', '+el']],
    ['JPEG lossless, first order', TRANSFER_SYNTAX.jpegLosslessFirstOrder, ['dcmcjpeg', '+e1']],
    ['JPEG-LS lossless', TRANSFER_SYNTAX.jpegLsLossless, ['dcmcjpls', '+el']],
    ['JPEG-LS near-lossless', TRANSFER_SYNTAX.jpegLsNearLossless, ['dcmcjpls', '+en']],
  ])('%s', async (_, transferSyntaxUid, [program = '', ...options], bits = 16) => {
    const source = await ctFile('1.2.826.0.1.6', '1.2.826.0.1.5', bits);
    const file = `${source}.converted`;
    expect(await dcmtk(program, ...options, source, file)).toMatchObject({ status: 0 });
    expect(readMeta(await readFile(file)).transferSyntaxUid).toBe(transferSyntaxUid);
    const encoding = { sopClassUid: SOP_CLASS.ct, transferSyntaxUid };
    for (const port of [receiver.port, reference.port]) {
      const run = await sendAsItIs(port, file, encoding);
      expect({ stored: wasStored(run), port, output: wasStored(run) ? '' : run.output }).toEqual({
        stored: true,
        port,
        output: '',
      });
    }
    const [receipt] = receiver.receipts;
    expect(receipt).toMatchObject({ transferSyntaxUid });
    const sent = await reference.take();
    expect((await receiver.dataSetOf(receipt!.file)).equals(sent!)).toBe(true);
  });
});

test('a storescu that proposes all its 128 presentation contexts', async () => {
  const file = await ctFile('1.2.826.0.1.6');
  const run = await dcmtk('storescu', '-aec', 'RAUNET', '127.0.0.1', String(receiver.port), file);
  expect([run.status, receiver.receipts.length]).toEqual([0, 1]);
});

test('several associations at once: every instance of every series is stored once', async () => {
  const folders = await Promise.all(
    [1, 2, 3, 4].map(async (series) => {
      const files = Array.from({ length: 20 }, (_, n) =>
        ctFile(`1.2.826.0.1.${series}.${n + 1}`, `1.2.826.0.1.${series}`),
      );
      return Promise.all(files);
    }),
  );
  const port = String(receiver.port);
  const runs = await Promise.all(
    folders.map((files) => dcmtk('storescu', '-R', '-aec', 'RAUNET', '127.0.0.1', port, ...files)),
  );
  expect(runs.map(({ status }) => status)).toEqual([0, 0, 0, 0]);
  expect(new Set(receiver.receipts.map(({ sopInstanceUid }) => sopInstanceUid)).size).toBe(80);
  expect(await receiver.stored()).toHaveLength(80);
  for (const { file, sha256 } of receiver.receipts) await receiver.spool.verify(file, sha256);
  await until('the ends', () => receiver.ends.length === 4);
  expect(receiver.ends.map(({ clean, seriesUids }) => [clean, seriesUids.length])).toEqual(
    Array(4).fill([true, 1]),
  );
});

test('storescu --abort: what was acknowledged is kept, the end is not clean', async () => {
  const file = await ctFile('1.2.826.0.1.6');
  await dcmtk('storescu', '-R', '--abort', '-aec', 'RAUNET', '127.0.0.1', String(receiver.port), file);
  await until('the end', () => receiver.ends.length === 1);
  expect(receiver.ends).toMatchObject([{ clean: false, seriesUids: ['1.2.826.0.1.5'] }]);
  expect(await receiver.stored()).toHaveLength(1);
});
