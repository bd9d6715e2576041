import { isIP } from 'node:net';

/** An IP address, or a network such as `10.1.0.0/16` or `2001:db8::/32`. */
export interface Network {
  address: string;
  prefix: number;
  family: 'ipv4' | 'ipv6';
}

/** Null: neither. An address is a network of itself. */
export function parseNetwork(text: string): Network | null {
  const [, address = '', prefix] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address);
  const bits = version === 4 ? 32 : 128;
  const length = prefix === undefined ? bits : Number(prefix);
  if (version === 0 || length > bits) return null;
  return { address, prefix: length, family: version === 4 ? 'ipv4' : 'ipv6' };
}
