import { BlockList, isIP } from 'node:net';
import type { AssociateRequest } from './associate-request';
import { REJECTION, type Rejection } from './rejections';
import type { AssociationConfig } from './types';

/** PS3.7 A.2.1. */
const DICOM_APPLICATION_CONTEXT = '1.2.840.10008.3.1.1.1';

const LOOPBACK = addressList(['127.0.0.0/8', '::1']);

/** Who may associate, as one function: why not, or null. */
export type Policy = (request: AssociateRequest, address: string) => Rejection | null;

/**
 * The order of the questions is that of PS3.8 9.3.4: can we speak, are we meant, do we know you.
 * Without an allow-list everyone on loopback is known and nobody elsewhere; with one, exactly those on it.
 */
export function createPolicy({ aeTitle, aliases, allow }: AssociationConfig): Policy {
  const ours = new Set([aeTitle, ...aliases].map((title) => title.trim()));
  const known = allow.map(({ callingAe, addresses }) => ({
    callingAe: callingAe.trim(),
    // no address named: from anywhere
    covers: addresses.length === 0 ? () => true : addressList(addresses),
  }));
  const isKnown = (callingAe: string, address: string) =>
    known.length === 0
      ? LOOPBACK(address)
      : known.some((entry) => entry.callingAe === callingAe && entry.covers(address));

  return ({ protocolVersion, applicationContext, calledAe, callingAe }, address) => {
    if ((protocolVersion & 1) === 0) return REJECTION.protocolVersion;
    if (applicationContext !== DICOM_APPLICATION_CONTEXT) return REJECTION.applicationContext;
    if (!ours.has(calledAe)) return REJECTION.calledAe;
    if (!isKnown(callingAe, address)) return REJECTION.callingAe;
    return null;
  };
}

/** Addresses and networks (`10.1.0.0/16`), IPv4 and IPv6. Throws on anything else. */
function addressList(addresses: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const entry of addresses) {
    const [network = '', prefix] = entry.split('/');
    const family = familyOf(network);
    if (family === null) throw new Error(`association.allow: ${entry} is no IP address or network`);
    if (prefix === undefined) list.addAddress(network, family);
    else list.addSubnet(network, Number(prefix), family);
  }
  return (address) => {
    const family = familyOf(address);
    return family !== null && list.check(address, family);
  };
}

function familyOf(address: string): 'ipv4' | 'ipv6' | null {
  const version = isIP(address);
  return version === 4 ? 'ipv4' : version === 6 ? 'ipv6' : null;
}

/** An IPv4 peer on a dual-stack socket, in dotted form. */
export const plainAddress = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, '');
