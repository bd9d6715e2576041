import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { parseDicom } from 'dicom-parser';
import { ACCEPTED_SOP_CLASSES } from '../../src/association/presentation-contexts';
import { isUid } from '../../src/lib/uid';
import { dcmtk, type Reference, sendAsItIs, startReference, wasStored } from '../fixtures/dcmtk';
import { type Receiver, startReceiver } from '../fixtures/receiver';

/** Real files of many makers, some odd, some broken: pushed by storescu to one service, one after the other. */

const single = join(resolve(process.env['RAUNET_SHARED'] ?? '../shared'), 'data/dicom/single');
const files = existsSync(single)
  ? readdirSync(single, { recursive: true, encoding: 'utf8' }).filter(
      (name) => statSync(join(single, name)).isFile() && !name.endsWith('.csv'),
    )
  : [];

let receiver: Receiver;
let reference: Reference;
beforeAll(async () => {
  receiver = await startReceiver();
  reference = await startReference();
});
afterAll(async () => {
  await receiver.stop();
  await reference.stop();
});

/** Group 2 of a file, also where it is written in implicit VR; null where DCMTK cannot know it either. */
function encodingOf(file: string): { sopClassUid: string; transferSyntaxUid: string } | null {
  try {
    const meta = parseDicom(readFileSync(file), { untilTag: 'x00020010' });
    const sopClassUid = meta.string('x00020002');
    const transferSyntaxUid = meta.string('x00020010');
    return sopClassUid && transferSyntaxUid ? { sopClassUid, transferSyntaxUid } : null;
  } catch {
    return null;
  }
}

const hasUids = (sent: Buffer, TransferSyntaxUID: string) => {
  const dataSet = parseDicom(sent, {
    TransferSyntaxUID,
    untilTag: 'x0020000e',
    inflater: (bytes) => inflateRawSync(bytes),
  });
  return ['x00080018', 'x0020000d', 'x0020000e'].every((tag) => isUid(dataSet.string(tag) ?? ''));
};

const offered = (encoding: { sopClassUid: string; transferSyntaxUid: string }) =>
  ACCEPTED_SOP_CLASSES.some(
    ({ uid, transferSyntaxes }) =>
      uid === encoding.sopClassUid && transferSyntaxes.includes(encoding.transferSyntaxUid),
  );

(files.length > 0 ? test.each(files) : test.skip.each(['no shared files']))(
  '%s: stored bit-identically, or refused and not stored',
  async (name) => {
    const file = join(single, name);
    const encoding = encodingOf(file) ?? {
      sopClassUid: '1.2.840.10008.5.1.4.1.1.2',
      transferSyntaxUid: '1.2.840.10008.1.2',
    };
    const before = receiver.receipts.length;
    const run = await sendAsItIs(receiver.port, file, encoding);
    await sendAsItIs(reference.port, file, encoding);
    const sent = await reference.take();
    const receipt = receiver.receipts[before];
    // What DCMTK can send, our table offers and has UIDs that are UIDs is taken; nothing else is.
    const arrived = sent !== null && offered(encoding);
    const storable = arrived && hasUids(sent, encoding.transferSyntaxUid);
    expect([wasStored(run), receipt !== undefined]).toEqual([storable, storable]);
    if (arrived && !storable) expect(run.output).toContain('Error: CannotUnderstand');
    if (receipt !== undefined) {
      expect((await receiver.dataSetOf(receipt.file)).equals(sent!)).toBe(true);
      await receiver.spool.verify(receipt.file, receipt.sha256);
    }
    const echo = await dcmtk('echoscu', '-aec', 'RAUNET', '127.0.0.1', String(receiver.port));
    expect([echo.status, await receiver.parts()]).toEqual([0, []]);
  },
);
