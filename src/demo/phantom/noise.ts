/** Mulberry32: a small seeded generator; the phantom is the same on every machine. Returns [0,1). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Gaussian numbers of mean 0 and deviation 1 (Box-Muller, both halves used). */
export function gaussianOf(random: () => number): () => number {
  let spare: number | null = null;
  return () => {
    if (spare !== null) {
      const value = spare;
      spare = null;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - random()));
    const angle = 2 * Math.PI * random();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
}

const smooth = (t: number): number => t * t * (3 - 2 * t);

function lattice(x: number, y: number, z: number): number {
  let h = Math.imul(x, 374761393) ^ Math.imul(y, 668265263) ^ Math.imul(z, 2147483647 - 58);
  h = Math.imul(h ^ (h >>> 13), 1274126177);
  return ((h ^ (h >>> 16)) >>> 0) / 4294967295;
}

/** Smooth value noise in [-1,1]; x, y, z in units of one cell. */
export function valueNoise(x: number, y: number, z: number): number {
  const x0 = Math.floor(x);
  const y0 = Math.floor(y);
  const z0 = Math.floor(z);
  const u = smooth(x - x0);
  const v = smooth(y - y0);
  const w = smooth(z - z0);
  const along = (j: number, k: number) => {
    const a = lattice(x0, y0 + j, z0 + k);
    return a + u * (lattice(x0 + 1, y0 + j, z0 + k) - a);
  };
  const front = along(0, 0) + v * (along(1, 0) - along(0, 0));
  const back = along(0, 1) + v * (along(1, 1) - along(0, 1));
  return 2 * (front + w * (back - front)) - 1;
}
