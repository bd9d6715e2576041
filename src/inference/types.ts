import type { Preprocessing } from '../tensor/types';

/** Class names by index, as results, training and the contract order them. */
export const CLASSES = ['background', 'ground-glass opacity', 'consolidation', 'pleural effusion'] as const;

export interface ModelIdentity {
  name: string;
  version: string;
  sha256: string;
}

export type Provider = 'tensorrt' | 'cuda' | 'webgpu' | 'cpu';

/** What came of a provider of the configured list. */
export interface ProviderFinding {
  provider: Provider;
  taken: boolean;
  /** One sentence: why it was not taken, or how fast it is. */
  reason: string;
}

/** ready: answers at once; restarting: a fresh process is on its way; closed: for good. */
export type InferenceMode = 'ready' | 'restarting' | 'closed';

export interface InferenceState {
  mode: InferenceMode;
  provider: Provider;
  /** Process id of the child; null while none runs. */
  pid: number | null;
  /** In the order they were tried. */
  findings: readonly ProviderFinding[];
  restarts: number;
  /** Why the child was last restarted; null where it never was. */
  lastFailure: string | null;
}

export interface Inference {
  model: ModelIdentity;
  /** What has to be done to a slice before `classify`. */
  preprocessing: Preprocessing;
  readonly provider: Provider;
  /** Slices to hand over at once: 1 on the CPU, inference.gpuBatch on a GPU. */
  readonly batchSize: number;
  readonly findings: readonly ProviderFinding[];
  state(): InferenceState;
  /**
   * images: [n * size * size] in [0, 1]. Resolves to class indices [n * size * size]. Calls queue up.
   * Aborting the signal kills the process in mid-run. Throws RAUNET_INFERENCE, RAUNET_INFERENCE_TIMEOUT,
   * RAUNET_CANCELLED (or the signal's own RaunetError).
   */
  classify(images: Float32Array, n: number, signal?: AbortSignal): Promise<Uint8Array>;
  /** Ends the process; later calls of `classify` are refused. */
  close(): Promise<void>;
}
