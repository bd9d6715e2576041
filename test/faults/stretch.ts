import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { derivedUid } from '../../src/lib/uid';
import type { Phantom } from './phantoms';

/**
 * The series with so many slices over the same height, a series of its own: each is a copy of the nearest one at a
 * position of its own. Simulating thousands of slices would take longer than testing with them.
 */
export async function stretched(phantom: Phantom, slices: number, folder: string): Promise<Phantom> {
  const seriesUid = uidLike(phantom.seriesUid, `stretched to ${slices}`);
  const studyUid = uidLike(phantom.studyUid, `stretched to ${slices}`);
  const whole = await Promise.all(phantom.files.map(({ path }) => readFile(path)));
  const first = positionOf(whole[0]!);
  const last = positionOf(whole.at(-1)!);
  await mkdir(join(folder, seriesUid), { recursive: true });
  const files: Phantom['files'] = [];
  for (let k = 0; k < slices; k++) {
    const from = Math.round((k * (whole.length - 1)) / (slices - 1));
    const sopInstanceUid = uidLike(phantom.files[from]!.sopInstanceUid, `copy ${k}`);
    const z = first[2]! + ((last[2]! - first[2]!) * k) / (slices - 1);
    let bytes: Buffer = whole[from]!;
    for (const [old, uid] of [
      [phantom.files[from]!.sopInstanceUid, sopInstanceUid],
      [phantom.seriesUid, seriesUid],
      [phantom.studyUid, studyUid],
    ] as const)
      bytes = replaced(bytes, old, uid);
    bytes = element(bytes, POSITION, `${first[0]}\\${first[1]}\\${z.toFixed(4)}`);
    const path = join(folder, seriesUid, `${String(k).padStart(5, '0')}.dcm`);
    await writeFile(path, bytes);
    files.push({ path, sopInstanceUid });
  }
  return { studyUid, seriesUid, files };
}

/** ImagePositionPatient, explicit VR. */
const POSITION = Buffer.from([0x20, 0x00, 0x32, 0x00, 0x44, 0x53]);

function positionOf(bytes: Buffer): number[] {
  const at = bytes.indexOf(POSITION);
  return bytes
    .toString('latin1', at + 8, at + 8 + bytes.readUInt16LE(at + 6))
    .split('\\')
    .map(Number);
}

/** With another value of an element that has a 16-bit length. */
function element(bytes: Buffer, head: Buffer, text: string): Buffer {
  const at = bytes.indexOf(head);
  const value = Buffer.from(text.length % 2 === 0 ? text : `${text} `, 'latin1');
  const length = Buffer.alloc(2);
  length.writeUInt16LE(value.length);
  return Buffer.concat([
    bytes.subarray(0, at + 6),
    length,
    value,
    bytes.subarray(at + 8 + bytes.readUInt16LE(at + 6)),
  ]);
}

/** Another UID, no longer than the old one with its padding. */
function uidLike(old: string, name: string): string {
  for (let n = 0; ; n++) {
    const uid = derivedUid(name, old, String(n));
    if (uid.length <= old.length + (old.length % 2)) return uid;
  }
}

/** Wherever the UID stands; a shorter one is filled up with zeros, which readers strip as padding. */
function replaced(bytes: Buffer, old: string, uid: string): Buffer {
  const value = Buffer.alloc(old.length + (old.length % 2));
  value.write(uid, 'latin1');
  const copy = Buffer.from(bytes);
  for (let at = copy.indexOf(old); at >= 0; at = copy.indexOf(old, at + value.length)) copy.set(value, at);
  return copy;
}
