import { createHash } from 'node:crypto';

/**
 * PS3.5 9.1: at most 64 characters of digits and dots. A peer's UID must pass before it becomes part of a path, so it
 * begins with a digit: `..` is none. More is not asked, as many senders make UIDs with leading zeros.
 */
export const isUid = (text: string): boolean => /^[0-9][0-9.]{0,63}$/.test(text);

/** RFC 4122 4.3, version 5: SHA-1 of namespace and name. Returns 16 bytes. */
function uuidV5(namespace: string, name: string): Buffer {
  const bytes = createHash('sha1')
    .update(Buffer.from(namespace.replaceAll('-', ''), 'hex'))
    .update(name, 'utf8')
    .digest()
    .subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x50;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes;
}

/** Our namespace; changing it changes every UID that the service ever derived. */
const NAMESPACE = '7c0ff6a4-5b0e-5c4d-9f43-6a8c2f4f6b1e';

/** PS3.5 B.2: a UID made from a UUID, `2.25.` + its decimal value. Same parts, same UID. */
export function derivedUid(...parts: string[]): string {
  return `2.25.${BigInt(`0x${uuidV5(NAMESPACE, parts.join('\n')).toString('hex')}`)}`;
}
