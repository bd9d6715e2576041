import { valueNoise } from './noise';

/*
 * A chest in numbers. Millimetres, LPS: x to the patient's left, y to the back, z to the head; origin in the
 * mid-line at the level of the lung bases. Attenuation in HU.
 */

export const HU = {
  air: -1000,
  fat: -100,
  muscle: 52,
  blood: 42,
  liver: 60,
  marrow: 210,
  cortex: 850,
  disc: 85,
  cord: 35,
  oesophagus: 38,
  couchShell: -250,
  couchFoam: -960,
} as const;

const square = (t: number): number => t * t;

/** Inside an ellipse where the value is below 1. */
const ellipse = (x: number, y: number, rx: number, ry: number): number => square(x / rx) + square(y / ry);

/** Superelliptic outlines of the body and of the pleural cavity narrow towards the apex. */
function taper(z: number, level: number, top: number): number {
  if (z <= level) return 1;
  if (z >= top) return 0;
  return (1 - ((z - level) / (top - level)) ** 2.4) ** (1 / 2.2);
}

const outline = (x: number, y: number, rx: number, ry: number): number =>
  rx <= 0 || ry <= 0 ? Infinity : Math.abs(x / rx) ** 2.5 + Math.abs(y / ry) ** 2.5;

const CAVITY_TOP = 276;

/** Value below 1 inside the rib cage. */
export function cavity(x: number, y: number, z: number): number {
  const t = taper(z, 120, CAVITY_TOP);
  return outline(x, y + 4, 134 * t, 90 * t);
}

function diaphragm(x: number, y: number): number {
  const right = 82 - 62 * ellipse(x + 66, y - 4, 92, 104);
  const left = 70 - 62 * ellipse(x - 68, y - 4, 92, 104);
  return Math.max(x < 0 ? right : left, 2);
}

const heart = (x: number, y: number, z: number): number =>
  ellipse(x - 24 - 0.12 * (100 - z), y + 30, 54, 46) + square((z - 104) / 56);

const vertebra = (x: number, y: number): number => ellipse(x, y - 62, 19, 16);

const paravertebral = (x: number, y: number): number => ellipse(x, y - 72, 30, 32);

/** Half-width of the mediastinum: narrow behind the sternum, wide at the hila and at the great vessels. */
function mediastinum(y: number, z: number): number {
  const hila = 15 * Math.exp(-square((z - 170) / 30) - square((y - 4) / 32));
  const vessels = 10 * Math.exp(-square((z - 225) / 36));
  return 7 + hila + vessels + 9 * Math.exp(-square((y + 8) / 40));
}

/** The lung that a point lies in, its vessels and lesions included; 0 outside. */
export function lungSide(x: number, y: number, z: number): 'right' | 'left' | 0 {
  if (cavity(x, y, z) >= 1 || z <= diaphragm(x, y)) return 0;
  if (Math.abs(x) < mediastinum(y, z) || paravertebral(x, y) < 1 || heart(x, y, z) < 1) return 0;
  if (descendingAorta(x, y, z) < 1.25) return 0;
  return x < 0 ? 'right' : 'left';
}

function descendingAorta(x: number, y: number, z: number): number {
  return z > 215 ? Infinity : ellipse(x - 26, y - 50, 12.5, 12.5);
}

/** Great vessels and heart: blood, without contrast. */
function bloodPool(x: number, y: number, z: number): boolean {
  if (heart(x, y, z) < 0.94 || descendingAorta(x, y, z) < 1) return true;
  if (z > 140 && z < 205 && ellipse(x + 12, y + 26, 15, 15) < 1) return true; // ascending aorta
  if (z > 203 && z < 222 && ellipse(x - 6 - 0.2 * y, y - 10, 15, 46) < 1) return true; // arch
  if (z > 165 && z < 190 && ellipse(x - 14, y + 30, 14, 13) < 1) return true; // pulmonary trunk
  if (z > 130 && z < 240 && ellipse(x + 30, y + 14, 9, 9) < 1) return true; // superior vena cava
  return z > 166 && z < 182 && ellipse(x, y - 2, 40, 8) < 1; // pulmonary arteries
}

/** Distance to the centre line of trachea and main bronchi, mm, and their inner radius. */
function airway(x: number, y: number, z: number): { distance: number; radius: number } {
  if (z > 186) return { distance: Math.hypot(x + 2, y - 16), radius: 9 };
  const below = 186 - z;
  const reach = below / 0.85;
  if (reach > 44) return { distance: Infinity, radius: 0 };
  const side = x < -2 ? -1 : 1;
  return { distance: Math.hypot(x + 2 - side * reach, y - 16 + 0.25 * reach), radius: 7 - 0.05 * reach };
}

/** HU of the spine at a point, or null outside it. */
function spine(x: number, y: number, z: number): number | null {
  const body = vertebra(x, y);
  if (body < 1) {
    const inDisc = ((z % 24) + 24) % 24 < 5;
    if (inDisc) return HU.disc;
    return body > 0.8 ? HU.cortex * 0.75 : HU.marrow;
  }
  const canal = ellipse(x, y - 86, 10, 8);
  if (canal < 1) return HU.cord;
  if (canal < 1.75) return HU.cortex * 0.8;
  const phase = ((z % 24) + 24) % 24;
  if (phase < 14 && ellipse(x, y - 106, 3.5, 17) < 1) return HU.marrow + 180; // spinous process
  if (phase < 12 && ellipse(Math.abs(x) - 26, y - 84, 16, 5) < 1) return HU.marrow + 220; // transverse processes
  return null;
}

/** HU of ribs, sternum, scapulae and clavicles at a point of the chest wall, or null. */
function wallBone(x: number, y: number, z: number, wall: number): number | null {
  if (wall > 1.03 && wall < 1.3) {
    // Ribs run down from back to front: their level depends on y.
    const level = z - 0.42 * (y + 90);
    const phase = ((level % 27) + 27) % 27;
    const offset = Math.abs(phase - 13.5);
    const depth = Math.abs(wall - 1.165) / 0.135;
    const inside = square(offset / 6.2) + square(depth);
    if (inside < 1 && Math.abs(x) > 17) return inside > 0.45 ? HU.cortex * 0.7 : HU.marrow + 60;
  }
  if (z > 70 && z < 235 && ellipse(x, y + 103, 18, 6) < 1)
    return ellipse(x, y + 103, 15, 4) < 1 ? HU.marrow : 520; // sternum
  if (z > 165 && z < 275) {
    const blade = Math.abs(Math.abs(x) - 92 - 0.35 * (y - 88));
    if (blade < 22 && Math.abs(y - 100 + 0.28 * (Math.abs(x) - 90)) < 3.5) return 480;
  }
  return null;
}

/** Everything but lungs' contents, noise and lesions. Null: lung. */
export function tissue(x: number, y: number, z: number): number | null {
  const body = outline(x, y - 2, 172, 122);
  if (body >= 1) return couch(x, y);
  const air = airway(x, y, z);
  if (air.distance < air.radius) return HU.air;
  if (air.distance < air.radius + 1.8) return HU.oesophagus;
  const bone = spine(x, y, z);
  if (bone !== null) return bone;
  if (body > 0.965) return 15; // skin
  const wall = cavity(x, y, z);
  if (wall >= 1) return chestWall(x, y, z, wall, body);
  if (z <= diaphragm(x, y)) return abdomen(x, y, z);
  if (lungSide(x, y, z) !== 0) return null;
  if (bloodPool(x, y, z)) return HU.blood;
  if (ellipse(x - 6, y - 36, 8, 6) < 1) return HU.oesophagus;
  if (paravertebral(x, y) < 1) return HU.muscle;
  return HU.fat + 12 * valueNoise(x / 9, y / 9, z / 9);
}

function chestWall(x: number, y: number, z: number, wall: number, body: number): number {
  const bone = wallBone(x, y, z, wall);
  if (bone !== null) return bone;
  if (body > 0.74 - 0.06 * valueNoise(x / 40, y / 40, z / 40))
    return HU.fat + 8 * valueNoise(x / 6, y / 6, z / 6);
  const strands = valueNoise(x / 11, y / 11, z / 14);
  return strands > 0.55 ? HU.fat + 30 : HU.muscle + 6 * strands;
}

function abdomen(x: number, y: number, z: number): number {
  if (x < 18) return HU.liver + 3 * valueNoise(x / 12, y / 12, z / 12);
  if (ellipse(x - 84, y - 34, 34, 40) < 1) return 50; // spleen
  const underDiaphragm = diaphragm(x, y) - z;
  if (underDiaphragm > 8 && ellipse(x - 56, y + 22, 38, 30) < 1) return y < -30 ? HU.air + 60 : 25; // stomach with its gas
  return HU.fat + 5;
}

/** A curved couch that does not touch the patient. */
function couch(x: number, y: number): number {
  const top = 134 - square(x) / 900;
  if (Math.abs(x) > 190 || y < top || y > top + 26) return HU.air;
  return y < top + 2.5 || y > top + 23.5 ? HU.couchShell : HU.couchFoam;
}
