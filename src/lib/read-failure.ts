import { type ErrorContext, RaunetError } from './errors';

/**
 * What reading a kept file threw, where the operating system threw it: `gone` where there is no such file, and
 * RAUNET_SPOOL_READ where there may well be one that a disk, a share or a limit keeps from us now. Null: what was read
 * is at fault. zlib's errors have codes too, only those of the system name the call. `file`: as people may read it.
 */
export function readFailure(
  thrown: unknown,
  file: string,
  gone: 'RAUNET_SPOOL_MISSING' | 'RAUNET_RESULT_MISSING',
  context: ErrorContext,
): RaunetError | null {
  const { code, syscall } = thrown as NodeJS.ErrnoException;
  if (syscall === undefined) return null;
  return code === 'ENOENT'
    ? new RaunetError(gone, { ...context, detail: `${file} is gone` }, { cause: thrown })
    : new RaunetError('RAUNET_SPOOL_READ', { ...context, detail: `${file}: ${code}` }, { cause: thrown });
}
