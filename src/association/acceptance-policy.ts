import { BlockList } from 'node:net';
import { parseNetwork } from '../lib/network';
import type { AssociateRequest } from './associate-request';
import { REJECTION, type Rejection } from './rejections';
import type { AssociationConfig } from './types';

/** PS3.7 A.2.1. */
const DICOM_APPLICATION_CONTEXT = '1.2.840.10008.3.1.1.1';

const LOOPBACK = addressList(['127.0.0.0/8', '::1']);

/** Who may associate, as one function: why not, or null. */
export type Policy = (
  request: AssociateRequest,
  address: string,
  /** Names in the certificate that the peer showed. */
  certificateNames: readonly string[],
) => Rejection | null;

/**
 * The order of the questions is that of PS3.8 9.3.4: can we speak, are we meant, do we know you.
 * Without an allow-list everyone on loopback is known and nobody elsewhere; with one, exactly those on it.
 */
export function createPolicy({ aeTitle, aliases, allow }: AssociationConfig): Policy {
  const ours = new Set([aeTitle, ...aliases].map((title) => title.trim()));
  const known = allow.map(({ callingAe, addresses, certificate }) => ({
    callingAe: callingAe.trim(),
    // no address named: from anywhere
    certificate: certificate?.toLowerCase(),
    covers: addresses.length === 0 ? () => true : addressList(addresses),
  }));
  const isKnown = (callingAe: string, address: string, names: readonly string[]) =>
    known.length === 0
      ? LOOPBACK(address)
      : known.some(
          (entry) =>
            entry.callingAe === callingAe &&
            entry.covers(address) &&
            (entry.certificate === undefined || names.includes(entry.certificate)),
        );

  return ({ protocolVersion, applicationContext, calledAe, callingAe }, address, names) => {
    if ((protocolVersion & 1) === 0) return REJECTION.protocolVersion;
    if (applicationContext !== DICOM_APPLICATION_CONTEXT) return REJECTION.applicationContext;
    if (!ours.has(calledAe)) return REJECTION.calledAe;
    if (!isKnown(callingAe, address, names)) return REJECTION.callingAe;
    return null;
  };
}

/** The schema of the configuration has let only addresses and networks pass. */
function addressList(entries: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const network of entries.map(parseNetwork))
    if (network !== null) list.addSubnet(network.address, network.prefix, network.family);
  return (address) => {
    const one = parseNetwork(address);
    return one !== null && list.check(one.address, one.family);
  };
}

/** An IPv4 peer on a dual-stack socket, in dotted form. */
export const plainAddress = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, '');
