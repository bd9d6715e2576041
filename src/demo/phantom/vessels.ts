import { lungSide } from './anatomy';
import { randomOf } from './noise';

/** A straight piece of a pulmonary vessel, mm. */
interface Segment {
  from: readonly [number, number, number];
  to: readonly [number, number, number];
  radius: number;
}

/** Two trees that grow from the hila to the pleura, thinner at each fork. */
export function vesselTrees(seed: number): Segment[] {
  const random = randomOf(seed);
  const segments: Segment[] = [];
  const grow = (from: Segment['from'], direction: Segment['from'], radius: number, length: number): void => {
    if (radius < 0.6 || length < 4) return;
    const to: Segment['to'] = [
      from[0] + direction[0] * length,
      from[1] + direction[1] * length,
      from[2] + direction[2] * length,
    ];
    segments.push({ from, to, radius });
    if (radius < 2.6 && lungSide(...to) === 0) return;
    const forks = radius > 1.2 ? 3 : 2;
    for (let fork = 0; fork < forks; fork += 1) {
      const bend = 0.8;
      const turned: [number, number, number] = [
        direction[0] + bend * (random() - 0.5) * 2,
        direction[1] + bend * (random() - 0.5) * 2,
        direction[2] + bend * (random() - 0.5) * 2,
      ];
      const norm = Math.hypot(...turned);
      grow(
        to,
        [turned[0] / norm, turned[1] / norm, turned[2] / norm],
        radius * (0.64 + 0.16 * random()),
        length * (0.72 + 0.25 * random()),
      );
    }
  };
  for (const side of [-1, 1]) {
    const hilum: [number, number, number] = [side * 34, 6, 168];
    for (const [y, z] of [
      [-0.7, 0.6],
      [0.6, 0.7],
      [-0.6, -0.6],
      [0.5, -0.8],
      [0.1, 0.05],
      [0.75, -0.25],
    ] as const) {
      const norm = Math.hypot(0.75, y, z);
      grow(hilum, [(side * 0.75) / norm, y / norm, z / norm], 5, 26);
    }
  }
  return segments;
}

/** How much of a pixel at (x, y, z) a vessel fills, 0..1; `near` are the segments that reach the slice. */
export function filled(near: readonly Segment[], x: number, y: number, z: number, pixelMm: number): number {
  let most = 0;
  for (const { from, to, radius } of near) {
    const margin = radius + pixelMm;
    if (x < Math.min(from[0], to[0]) - margin || x > Math.max(from[0], to[0]) + margin) continue;
    if (y < Math.min(from[1], to[1]) - margin || y > Math.max(from[1], to[1]) + margin) continue;
    const dx = to[0] - from[0];
    const dy = to[1] - from[1];
    const dz = to[2] - from[2];
    const along =
      ((x - from[0]) * dx + (y - from[1]) * dy + (z - from[2]) * dz) / (dx * dx + dy * dy + dz * dz);
    const t = Math.min(1, Math.max(0, along));
    const distance = Math.hypot(x - from[0] - t * dx, y - from[1] - t * dy, z - from[2] - t * dz);
    most = Math.max(most, Math.min(1, Math.max(0, 0.5 + (radius - distance) / pixelMm)));
  }
  return most;
}

/** The segments that come within reach of a plane: of level z (axis 2), or of a row (axis 1). */
export const reaching = (segments: readonly Segment[], axis: 1 | 2, at: number, pixelMm: number): Segment[] =>
  segments.filter(({ from, to, radius }) => {
    const margin = radius + pixelMm;
    return at >= Math.min(from[axis], to[axis]) - margin && at <= Math.max(from[axis], to[axis]) + margin;
  });
