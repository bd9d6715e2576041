import type { Rgb } from '../../config/codes';

/** Linear sRGB to CIE XYZ under D50, the white of the profile connection space (Bradford-adapted; ICC.1, sRGB). */
const XYZ_D50 = [
  [0.4360747, 0.3850649, 0.1430804],
  [0.2225045, 0.7168786, 0.0606169],
  [0.0139322, 0.0971045, 0.7141733],
] as const;
const WHITE_D50 = [0.96422, 1, 0.82521] as const;

/** sRGB 0-255 as three 16-bit PCS-Values: L* 0..100 and a*, b* -128..127 each over 0..65535 (PS3.3 C.10.7.1.1). */
export function cieLab(colour: Rgb): [number, number, number] {
  const [r, g, b] = colour.map(linear) as [number, number, number];
  const [x, y, z] = XYZ_D50.map((m, i) => curve((m[0] * r + m[1] * g + m[2] * b) / WHITE_D50[i]!)) as [
    number,
    number,
    number,
  ];
  const opponent = (value: number) => Math.round(((value + 128) * 65535) / 255);
  return [Math.round(((116 * y - 16) * 65535) / 100), opponent(500 * (x - y)), opponent(200 * (y - z))];
}

/** IEC 61966-2-1. */
function linear(channel: number): number {
  const c = channel / 255;
  return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
}

/** CIE 15: L*a*b* from the ratio to white. */
const curve = (t: number): number => (t > 216 / 24389 ? Math.cbrt(t) : ((24389 / 27) * t + 16) / 116);
