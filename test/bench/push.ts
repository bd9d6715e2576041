import { dcmtk } from '../fixtures/dcmtk';

/** Known to the service as its PACS: results go back to the sender. */
const CALLING_AE = 'ORTHANC';

export interface Target {
  aeTitle: string;
  port: number;
}

/**
 * Sends the files by storescu, divided among so many associations at once; `inventUids`: as new
 * instances of a new series. Resolves to seconds. Throws unless each file was answered with Success.
 */
export async function push(
  { aeTitle, port }: Target,
  files: readonly string[],
  { associations = 1, inventUids = false } = {},
): Promise<number> {
  const parts = Array.from({ length: associations }, (_, n) =>
    files.filter((_, k) => k % associations === n),
  );
  const options = ['-v', '--max-pdu', '131072', ...(inventUids ? ['+II'] : [])];
  const started = performance.now();
  const runs = await Promise.all(
    parts.map((part) =>
      dcmtk('storescu', ...options, '-aet', CALLING_AE, '-aec', aeTitle, '127.0.0.1', String(port), ...part),
    ),
  );
  const seconds = (performance.now() - started) / 1000;
  const stored = runs.flatMap(({ output }) => output.match(/Received Store Response \(Success\)/g) ?? []);
  if (stored.length !== files.length)
    throw new Error(`${aeTitle} stored ${stored.length} of ${files.length}\n${runs[0]?.output.slice(-1000)}`);
  return seconds;
}
