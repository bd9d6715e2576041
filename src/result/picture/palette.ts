import type { Rgb } from '../../config/codes';

/** Dark, as reading rooms are. */
export const PAPER: Rgb = [16, 20, 26];
export const INK: Rgb = [236, 240, 244];
export const FAINT: Rgb = [142, 152, 164];
export const RULE: Rgb = [54, 62, 72];
export const CAUTION: Rgb = [245, 180, 70];
