import { basename } from 'node:path';
import { promisify } from 'node:util';
import { inflateRaw } from 'node:zlib';
import { requests } from 'dcmjs-dimse';
import type { DestinationConfig } from '../config/schema';
import { TRANSFER_SYNTAX } from '../dicom/uids';
import { RaunetError } from '../lib/errors';
import type { Log } from '../lib/log';
import { readFailure } from '../lib/read-failure';
import {
  type Association,
  type DataSetBytes,
  inMemory,
  openAssociation,
  type ProposedContext,
  type ScuDeps,
} from './association';
import { toImplicit } from './implicit';
import { openPart10 } from './part10';
import { storeStatus } from './status';
import type { Deliverable, Outcome } from './types';

export interface SendDeps extends ScuDeps {
  log: Log;
}

/**
 * C-STORE SCU: sends every file as its bytes are and returns one outcome for each, in order; never throws. A file
 * without its own response has failed. Where the association breaks at one file the others go over a new one, so that
 * an object that a peer chokes on does not hold back the rest.
 */
export async function sendAll(
  destination: DestinationConfig,
  files: readonly Deliverable[],
  deps: SendDeps,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  while (outcomes.length < files.length)
    outcomes.push(...(await sendUntilBroken(destination, files.slice(outcomes.length), deps)));
  return outcomes;
}

/** Outcomes of the first files, at least one: all, or up to the one at which the association broke. */
async function sendUntilBroken(
  destination: DestinationConfig,
  files: readonly Deliverable[],
  deps: SendDeps,
): Promise<Outcome[]> {
  const contexts = contextsFor(files);
  let association: Association;
  try {
    association = await openAssociation(destination, contexts, deps);
  } catch (error) {
    return files.map((file) => failed(file, destination, error));
  }
  const outcomes: Outcome[] = [];
  try {
    for (const file of files) {
      const outcome = await store(file, association, contexts, destination).catch((error: unknown) =>
        failed(file, destination, error),
      );
      outcomes.push(outcome);
      if (outcome.warning !== null)
        deps.log.warn('object stored with a warning', {
          stage: 'delivery',
          destination: destination.name,
          sopInstanceUid: file.sopInstanceUid,
          warning: outcome.warning,
        });
      if (!association.open) break;
    }
  } finally {
    await association.close();
  }
  return outcomes;
}

/** Transfer syntaxes that can be turned into the default one, should the peer know no other (PS3.5 10.1). */
const CONVERTIBLE: readonly string[] = [
  TRANSFER_SYNTAX.explicitLittleEndian,
  TRANSFER_SYNTAX.deflatedExplicitLittleEndian,
];

/** One context for each SOP class and transfer syntax, so that the peer cannot prefer the default one to it. */
function contextsFor(files: readonly Deliverable[]): ProposedContext[] {
  const contexts = new Map<string, ProposedContext>();
  for (const { sopClassUid, transferSyntaxUid } of files)
    for (const transferSyntax of CONVERTIBLE.includes(transferSyntaxUid)
      ? [transferSyntaxUid, TRANSFER_SYNTAX.implicitLittleEndian]
      : [transferSyntaxUid])
      contexts.set(`${sopClassUid} ${transferSyntax}`, { abstractSyntax: sopClassUid, transferSyntax });
  return [...contexts.values()];
}

async function store(
  file: Deliverable,
  association: Association,
  contexts: readonly ProposedContext[],
  destination: DestinationConfig,
): Promise<Outcome> {
  const accepted = (transferSyntax: string): number =>
    contexts.findIndex(
      (context, index) =>
        context.abstractSyntax === file.sopClassUid &&
        context.transferSyntax === transferSyntax &&
        association.accepts(index),
    );
  const asIs = accepted(file.transferSyntaxUid);
  const index = asIs >= 0 ? asIs : accepted(TRANSFER_SYNTAX.implicitLittleEndian);
  if (index < 0)
    throw new RaunetError('RAUNET_NOT_ACCEPTED', {
      detail: `SOP class ${file.sopClassUid} with transfer syntax ${file.transferSyntaxUid}`,
    });

  const part10 = await openPart10(file);
  try {
    const dataSet = asIs >= 0 ? part10.dataSet : await converted(part10.dataSet, file.transferSyntaxUid);
    const [response] = await association.invoke(storeRequest(file), index, dataSet);
    const status = response!.status;
    const { meaning, error, warn } = storeStatus(status);
    if (error) return { ...failed(file, destination, new RaunetError(error, { detail: meaning })), status };
    return { sopInstanceUid: file.sopInstanceUid, status, warning: warn ? meaning : null, error: null };
  } finally {
    await part10.close();
  }
}

function storeRequest({ sopClassUid, sopInstanceUid }: Deliverable): requests.CStoreRequest {
  // Typed as if a data set were required; without one it is the bare command.
  const request = new (requests.CStoreRequest as new () => requests.CStoreRequest)();
  request.setAffectedSopClassUid(sopClassUid);
  request.setAffectedSopInstanceUid(sopInstanceUid);
  return request;
}

/** The only case in which the bytes sent are not the bytes kept; element values stay the same. */
async function converted(dataSet: DataSetBytes, transferSyntaxUid: string): Promise<DataSetBytes> {
  const chunks: Buffer[] = [];
  for await (const chunk of dataSet.chunks(1 << 20)) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const deflated = transferSyntaxUid === TRANSFER_SYNTAX.deflatedExplicitLittleEndian; // PS3.5 A.5
  return inMemory(toImplicit(deflated ? await promisify(inflateRaw)(bytes) : bytes));
}

/** What is no RaunetError here came from reading the file: everything of the network is one already. */
function failed(file: Deliverable, destination: DestinationConfig, thrown: unknown): Outcome {
  const error =
    thrown instanceof RaunetError
      ? thrown
      : (readFailure(thrown, basename(file.file), 'RAUNET_RESULT_MISSING', {}) ??
        new RaunetError('RAUNET_RESULT_MISSING', { detail: (thrown as Error).message }, { cause: thrown }));
  const context = {
    ...error.context,
    stage: 'delivery' as const,
    destination: destination.name,
    sopInstanceUid: file.sopInstanceUid,
  };
  return {
    sopInstanceUid: file.sopInstanceUid,
    status: null,
    warning: null,
    error: new RaunetError(error.code, context, { cause: error.cause }),
  };
}
