import type { Config } from '../config/schema';
import { type Validity, validityOf } from '../lib/certificate';
import { toRaunetError } from '../lib/errors';

export interface CertificateFinding {
  /** E.g. `certificate of the DICOM port`. */
  name: string;
  /** False: it cannot be used now. */
  usable: boolean;
  /** True: it ends within a month. */
  endsSoon: boolean;
  /** Nobody can send to us without it. */
  required: boolean;
  sentence: string;
}

/** Every certificate of ours, as its file is now. */
export async function certificateFindings(config: Config, now: Date): Promise<CertificateFinding[]> {
  const { association, admin, delivery } = config;
  const files = [
    { name: 'certificate of the DICOM port', file: association.tls?.certificate, required: true },
    { name: 'certificate of the admin pages', file: admin.tls?.certificate, required: false },
    ...delivery.destinations.map(({ name, tls }) => ({
      name: `certificate towards ${name}`,
      file: tls?.certificate,
      required: false,
    })),
  ];
  return Promise.all(
    files.flatMap(({ name, file, required }) =>
      file === undefined ? [] : finding(name, file, required, now),
    ),
  );
}

async function finding(
  name: string,
  file: string,
  required: boolean,
  now: Date,
): Promise<CertificateFinding> {
  const found = { name, required, endsSoon: false };
  try {
    const { state, from, to } = await validityOf(file, now);
    return {
      ...found,
      usable: state === 'valid' || state === 'ends soon',
      endsSoon: state === 'ends soon',
      sentence: sentenceOf(file, { state, from, to }),
    };
  } catch (thrown) {
    return { ...found, usable: false, sentence: toRaunetError(thrown).message };
  }
}

function sentenceOf(file: string, { state, from, to }: Validity): string {
  const renew = 'Put a new one in its place; it is read again by itself.';
  switch (state) {
    case 'valid':
      return `${file} is valid until ${to.toISOString()}.`;
    case 'ends soon':
      return `${file} is valid until ${to.toISOString()} only. ${renew}`;
    case 'expired':
      return `RAUNET_CERTIFICATE_EXPIRED: ${file} has expired at ${to.toISOString()}. ${renew}`;
    case 'not valid yet':
      return `RAUNET_CERTIFICATE_EXPIRED: ${file} is not valid before ${from.toISOString()}. Check the clock. ${renew}`;
  }
}
