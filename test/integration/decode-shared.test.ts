import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { readHeaderOfFile } from '../../src/dicom/read';
import { SOP_CLASS, TRANSFER_SYNTAX } from '../../src/dicom/uids';
import { toSlices } from '../../src/series/slices';
import type { Slice } from '../../src/series/types';
import { openDecoder } from '../../src/volume/decoder';
import type { Decoder } from '../../src/volume/types';

const SHARED = resolve(process.env['RAUNET_SHARED'] ?? '../shared');
const FOLDER = join(SHARED, 'data/dicom/single');
const PYTHON = process.env['RAUNET_PEERS_PYTHON'] ?? '.cache/peers/bin/python';
const CT = new Set<string>([SOP_CLASS.ct, SOP_CLASS.enhancedCt, SOP_CLASS.legacyConvertedEnhancedCt]);

/** Files that nobody can decode, and why we say so. */
const CORRUPT: Record<string, RegExp> = {
  'odd/20-wrong-transfer-syntax.dcm':
    /uncompressed pixels under transfer syntax 1\.2\.840\.10008\.1\.2\.4\.80/,
};

/**
 * Stored values by which a decoder may differ. ISO 10918-1 leaves the inverse DCT of lossy JPEG open within one step of
 * accuracy (Annex A.3.3; 10918-2): libjpeg, which DCMTK and we use, and libjpeg of the Thomas Richter line, which pydicom
 * uses, round differently. All else is exact by specification, lossy JPEG-LS and JPEG 2000 as these decoders do it included.
 */
const TOLERANCE: Record<string, number> = {
  [TRANSFER_SYNTAX.jpegBaseline]: 1,
  [TRANSFER_SYNTAX.jpegExtended]: 1,
};

interface Peer {
  file: string;
  pixels?: string;
  error?: string;
}

let out: string;
let decoder: Decoder;
let peers: Map<string, Peer>;
let images: { file: string; slices: Slice[] }[];

beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), 'raunet-decode-'));
  decoder = openDecoder({ threads: 2, timeoutSeconds: 30 });
  images = await ctImages();
  peers = await asPydicom(images.map(({ file }) => file));
}, 300_000);

afterAll(async () => {
  await decoder?.close();
  await rm(out, { recursive: true, force: true });
});

async function ctImages(): Promise<{ file: string; slices: Slice[] }[]> {
  const files = readdirSync(FOLDER, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.csv'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const found = [];
  for (const file of files) {
    const slices = toSlices(file, await readHeaderOfFile(file));
    if (CT.has(slices[0]?.sopClassUid ?? '')) found.push({ file, slices });
  }
  return found;
}

async function asPydicom(files: string[]): Promise<Map<string, Peer>> {
  if (!existsSync(PYTHON)) throw new Error(`${PYTHON} is missing: run .ci/install-peers.sh`);
  const { stdout } = await promisify(execFile)(
    PYTHON,
    [join(__dirname, 'pydicom_pixels.py'), out, ...files],
    {
      maxBuffer: 2 ** 24,
    },
  );
  const lines = stdout.trim().split('\n');
  return new Map(lines.map((line) => JSON.parse(line) as Peer).map((peer) => [peer.file, peer]));
}

const peerPixels = (peer: Peer): Int32Array => {
  const bytes = readFileSync(join(out, peer.pixels ?? ''));
  return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
};

test('every CT of the collection is there to be decoded', () => {
  expect(images.length).toBe(47);
});

test("stored pixels of every frame of every CT equal pydicom's, or the file is named as corrupt", async () => {
  for (const { file, slices } of images) {
    const name = relative(FOLDER, file);
    const peer = peers.get(file) as Peer;
    const said = CORRUPT[name];
    if (said === undefined)
      expect([name, await worstDifference(slices, peerPixels(peer))]).toEqual([name, 0]);
    else {
      expect(peer.error).toBeDefined();
      await expect(decoder.decode(slices[0] as Slice)).rejects.toMatchObject({
        code: 'RAUNET_CORRUPT_PIXELS',
        message: expect.stringMatching(said),
        context: { sopInstanceUid: slices[0]?.sopInstanceUid },
      });
    }
  }
}, 300_000);

/** Of all frames, 0 where within the tolerance of the syntax. */
async function worstDifference(slices: readonly Slice[], theirs: Int32Array): Promise<number> {
  let worst = 0;
  for (const [k, slice] of slices.entries()) {
    const ours = await decoder.decode(slice);
    expect(ours.length * slices.length).toBe(theirs.length);
    for (let i = 0; i < ours.length; i++)
      worst = Math.max(worst, Math.abs((ours[i] as number) - (theirs[k * ours.length + i] as number)));
  }
  return worst <= (TOLERANCE[slices[0]?.transferSyntaxUid ?? ''] ?? 0) ? 0 : worst;
}
