import { createHash, randomBytes } from 'node:crypto';

/** 256 random bits; the prefix lets scanners of repositories and logs know it. */
export const newSecret = (): string => `raunet_${randomBytes(32).toString('base64url')}`;

/**
 * What is kept of a secret, hex. A slow hash (scrypt) defends secrets that can be guessed; 256 random bits cannot, and a
 * fast one gives nobody a way to keep the processor busy with wrong tokens.
 */
export const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('hex');
