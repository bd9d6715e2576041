import { constants, Dataset, requests } from 'dcmjs-dimse';
import type { DestinationConfig } from '../config/schema';
import { readDataSet } from '../dicom/read';
import { TRANSFER_SYNTAX } from '../dicom/uids';
import { RaunetError } from '../lib/errors';
import { inMemory, openAssociation, type ScuDeps } from './association';
import { hex } from './status';

const implicit = TRANSFER_SYNTAX.implicitLittleEndian;

/**
 * C-ECHO (PS3.4 Annex A). Resolves to the round trip in ms, association included. Throws RAUNET_DESTINATION_DOWN,
 * RAUNET_ASSOCIATION_*, RAUNET_NOT_ACCEPTED.
 */
export async function echo(destination: DestinationConfig, deps: ScuDeps): Promise<number> {
  const started = performance.now();
  const status = await ask(destination, deps, new requests.CEchoRequest(), constants.SopClass.Verification);
  if (status.at(-1)!.status !== 0x0000)
    throw new RaunetError('RAUNET_DESTINATION_DOWN', {
      stage: 'delivery',
      destination: destination.name,
      detail: `C-ECHO was answered with ${hex(status.at(-1)!.status)}`,
    });
  return performance.now() - started;
}

/**
 * How many instances of a series the PACS has: C-FIND NumberOfSeriesRelatedInstances, Study Root, series level (PS3.4
 * C.6.2.1). Null where it does not know the series or does not tell. Throws RAUNET_QUERY_REFUSED and as `echo`.
 */
export async function countInstances(
  destination: DestinationConfig,
  { studyUid, seriesUid }: { studyUid: string; seriesUid: string },
  deps: ScuDeps,
): Promise<number | null> {
  const identifier = new Dataset(
    {
      QueryRetrieveLevel: 'SERIES',
      StudyInstanceUID: studyUid,
      SeriesInstanceUID: seriesUid,
      NumberOfSeriesRelatedInstances: '',
    },
    implicit,
  );
  const responses = await ask(
    destination,
    deps,
    new requests.CFindRequest(),
    constants.SopClass.StudyRootQueryRetrieveInformationModelFind,
    identifier.getDenaturalizedDataset(),
  );
  const final = responses.at(-1)!.status;
  if (final !== 0x0000)
    throw new RaunetError('RAUNET_QUERY_REFUSED', {
      stage: 'delivery',
      destination: destination.name,
      seriesUid,
      detail: `C-FIND was answered with ${hex(final)}`,
    });
  for (const { dataSet } of responses) {
    if (dataSet === null) continue;
    const match = readDataSet(dataSet, implicit);
    // A peer that ignores the key answers with other series too.
    if (match.string('SeriesInstanceUID') !== seriesUid) continue;
    const count = match.number('NumberOfSeriesRelatedInstances');
    if (count !== null && Number.isInteger(count)) return count;
  }
  return null;
}

/** One request on an association of its own. */
async function ask(
  destination: DestinationConfig,
  deps: ScuDeps,
  request: requests.Request,
  sopClass: string,
  identifier?: Buffer,
) {
  const contexts = [{ abstractSyntax: sopClass, transferSyntax: implicit }];
  const association = await openAssociation(destination, contexts, deps);
  try {
    if (!association.accepts(0))
      throw new RaunetError('RAUNET_NOT_ACCEPTED', {
        stage: 'delivery',
        destination: destination.name,
        detail: `SOP class ${sopClass}`,
      });
    return await association.invoke(request, 0, identifier && inMemory(identifier));
  } finally {
    await association.close();
  }
}
