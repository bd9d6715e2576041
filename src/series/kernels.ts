/** Names of edge-enhancing (lung, bone) reconstruction kernels, by vendor. */
const SHARP_KERNELS: readonly RegExp[] = [
  // GE
  /^(LUNG|BONE|EDGE|ULTRA)/i,
  // Siemens: B60 and above; body-lung, body-regular and head-regular from 55; iterative I70 and above
  /^B[6-9]\d/i,
  /^(B[lr]|H[rn])(5[5-9]|[6-9]\d)/i,
  /^(H|I|U)[6-9]\d/i,
  // Canon, Toshiba: bone FC30-39, lung FC50-59, high resolution FC80-89
  /^FC[358]\d/i,
  // Philips: lung, bone, ultra-sharp
  /^(L|Y[A-E])$/i,
];

/** Whether ConvolutionKernel names a sharp (lung or bone) kernel. Vendors' names only: DICOM defines none (PS3.3 C.8.2.1). */
export const isSharpKernel = (kernel: string | null): boolean => {
  const name = kernel?.split('\\')[0]?.trim() ?? '';
  return SHARP_KERNELS.some((pattern) => pattern.test(name));
};
