import { cavity, lungSide } from './anatomy';
import { valueNoise } from './noise';

/** Class index as in onnx/contract.json: 0 none, 1 ground-glass opacity, 2 consolidation, 3 pleural effusion. */
export type Truth = 0 | 1 | 2 | 3;

interface Blob {
  centre: readonly [number, number, number];
  radiusMm: number;
}

const GROUND_GLASS: readonly Blob[] = [
  { centre: [-98, 30, 150], radiusMm: 30 },
  { centre: [-74, -52, 190], radiusMm: 23 },
  { centre: [-70, 52, 215], radiusMm: 22 },
  { centre: [96, -20, 175], radiusMm: 28 },
  { centre: [70, 48, 205], radiusMm: 24 },
];

const CONSOLIDATION: readonly Blob[] = [
  { centre: [-84, 58, 118], radiusMm: 27 },
  { centre: [-104, 6, 96], radiusMm: 18 },
];

/** Distance from the centre in radii, its surface ruffled by noise so that outlines are not round. */
function ruffled({ centre, radiusMm }: Blob, x: number, y: number, z: number): number {
  const distance = Math.hypot(x - centre[0], y - centre[1], (z - centre[2]) * 1.15) / radiusMm;
  return distance > 1.6
    ? distance
    : distance + 0.28 * valueNoise(x / 13, y / 13, z / 13) + 0.12 * valueNoise(x / 5, y / 5, z / 5);
}

/** The left pleural cavity fills from behind and below; its upper edge rises along the wall (meniscus). */
function effusion(x: number, y: number, z: number): boolean {
  if (x < 20 || z > 140) return false;
  const depth = Math.max(0, 1 - (z - 20) / 115);
  const toWall = 1 - cavity(x, y, z);
  return y > 64 - 62 * depth - 30 * Math.exp(-toWall / 0.22);
}

/** What the truth mask says at a point of the lung. */
export function lesionAt(x: number, y: number, z: number): Truth {
  if (lungSide(x, y, z) === 0) return 0;
  if (effusion(x, y, z)) return 3;
  if (CONSOLIDATION.some((blob) => ruffled(blob, x, y, z) < 1)) return 2;
  const halo = CONSOLIDATION.some((blob) => ruffled(blob, x, y, z) < 1.28);
  return halo || GROUND_GLASS.some((blob) => ruffled(blob, x, y, z) < 1) ? 1 : 0;
}

/** HU of lung tissue at a point, from its truth; vessels and noise come on top. */
export function lungHu(truth: Truth, x: number, y: number, z: number): number {
  const parenchyma = -872 + 0.55 * (y + 60) + 14 * valueNoise(x / 7, y / 7, z / 9);
  switch (truth) {
    case 0:
      return parenchyma;
    case 1:
      return -560 + 60 * valueNoise(x / 8, y / 8, z / 8) + 40 * valueNoise(x / 3, y / 3, z / 5);
    case 2: {
      const bronchogram = valueNoise(x / 7, y / 16, z / 16);
      return bronchogram > 0.62 ? -650 : 28 + 14 * valueNoise(x / 6, y / 6, z / 8);
    }
    case 3:
      return 9;
  }
}
