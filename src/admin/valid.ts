import type { z } from 'zod';
import { RaunetError } from '../lib/errors';

/** Every problem of the input in one sentence. Throws RAUNET_REQUEST. */
export function valid<T>(schema: z.ZodType<T>, input: unknown): T {
  const { data, error } = schema.safeParse(input);
  if (error === undefined) return data as T;
  const detail = error.issues
    .map(({ path, message }) => [path.join('.'), message].filter(Boolean).join(': '))
    .join('; ');
  throw new RaunetError('RAUNET_REQUEST', { detail });
}
