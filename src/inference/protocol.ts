import type { Provider } from './types';

/** Asked of the child, one at a time; typed arrays travel by structured clone. */
export type Request =
  | {
      kind: 'open';
      modelFile: string;
      provider: Provider;
      threads: number;
      inputName: string;
      maskName: string;
      size: number;
      /** [size * size] in [0, 1]: answered, and timed once warm. */
      warmUp: Float32Array;
    }
  | { kind: 'run'; images: Float32Array; n: number };

export type Answer =
  /** mask: the answer to the warm-up [size * size]. */
  | { kind: 'opened'; mask: Uint8Array; millisecondsPerSlice: number }
  | { kind: 'classes'; classes: Uint8Array }
  /** fault `model`: no provider would help. */
  | { kind: 'failed'; fault: 'model' | 'run'; message: string };
