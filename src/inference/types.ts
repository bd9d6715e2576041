/** onnx/contract.json as the service uses it; classes by index. */
export const CLASSES = ['background', 'ground-glass opacity', 'consolidation', 'pleural effusion'] as const;

export interface ModelIdentity {
  name: string;
  version: string;
  sha256: string;
}

export interface Inference {
  model: ModelIdentity;
  provider: string;
  /** images: [n * rows * columns] in [0,1]. Resolves to class indices [n * rows * columns]. Throws RAUNET_INFERENCE, RAUNET_INFERENCE_TIMEOUT. */
  classify(images: Float32Array, n: number, signal?: AbortSignal): Promise<Uint8Array>;
}
