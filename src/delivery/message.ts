import { Dataset } from 'dcmjs-dimse';
import type { Pdv } from './pdu';

export interface DimseResponse {
  /** (0000,0900); -1 where the peer left it out. */
  status: number;
  /** Encoded data set that came with the response. */
  dataSet: Buffer | null;
}

/** PS3.4 C.4.1.1.4. */
export const isPending = (status: number): boolean => status === 0xff00 || status === 0xff01;

/** No response that we ask for comes near it, bytes. */
const MAX_MESSAGE = 1_048_576;

/**
 * Reads messages until one responds to `messageId` (PS3.7 6.3.1). Others are passed over: we offer no service on our
 * own associations.
 */
export async function responseTo(
  messageId: number,
  pdvs: AsyncGenerator<Pdv, never>,
): Promise<DimseResponse> {
  for (;;) {
    const command = new Dataset(await collect(pdvs, true));
    const number = (keyword: string): number => Number(command.getElement(keyword) ?? -1);
    const hasDataSet = number('CommandDataSetType') !== 0x0101; // PS3.7 E.1
    const dataSet = hasDataSet ? await collect(pdvs, false) : null;
    const isResponse = (number('CommandField') & 0x8000) !== 0; // PS3.7 E.1
    if (isResponse && number('MessageIDBeingRespondedTo') === messageId)
      return { status: number('Status'), dataSet };
  }
}

/** Joins the fragments of one command or data set. */
async function collect(pdvs: AsyncGenerator<Pdv, never>, command: boolean): Promise<Buffer> {
  const fragments: Buffer[] = [];
  let length = 0;
  for (;;) {
    const { value: pdv } = await pdvs.next();
    if (pdv.command !== command) throw new Error('the peer mixed command and data');
    length += pdv.value.length;
    if (length > MAX_MESSAGE) throw new Error(`the peer sent a message of more than ${MAX_MESSAGE} bytes`);
    fragments.push(pdv.value);
    if (pdv.last) return Buffer.concat(fragments, length);
  }
}
