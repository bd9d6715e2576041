import type { HuVolume } from '../volume/types';
import { cleanUp } from './clean-up';
import type { Chest } from './lungs';
import { measure } from './measure';
import type { AnalysedMask } from './types';

/**
 * Stage `mask`: the model's classes on the volume's grid, cleaned and measured.
 *
 * volume: upright. chest: of the same volume, by `findChest`. raw: classes[k][row * columns + column] as they came back
 * from the model's grid; handed over, since they become the mask in place. Throws nothing: where no lungs can be found,
 * `measurements.lungGateReason` says so. Gives way to other work after each slice.
 */
export async function analyseMask(
  volume: HuVolume,
  chest: Chest,
  raw: readonly Uint8Array[],
): Promise<AnalysedMask> {
  const removedMl = await cleanUp(raw, volume, chest);
  return { mask: raw, measurements: await measure(raw, volume, chest), removedMl };
}
