/** What was typed names the wrong thing; the message is the whole sentence. */
export class WrongPath extends Error {}

const WHY: Record<string, string> = {
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'a file stands where a folder is needed',
  EEXIST: 'a file stands where a folder is needed',
  EISDIR: 'it is a folder, not a file',
  EACCES: 'the user of this command may not do that',
  EPERM: 'the user of this command may not do that',
  EROFS: 'its file system is read-only',
  ENOSPC: 'its file system is full',
};

/** Why the operating system refused a path, as a clause. */
export const whyNot = (thrown: unknown): string =>
  WHY[(thrown as NodeJS.ErrnoException).code ?? ''] ?? (thrown as Error).message;

/** The sentence for a path that does not fit; null where something else was thrown. */
export function wrongPath(thrown: unknown): string | null {
  if (thrown instanceof WrongPath) return thrown.message;
  const { code, path } = thrown as NodeJS.ErrnoException;
  return path !== undefined && code !== undefined && code in WHY ? `${path}: ${whyNot(thrown)}.` : null;
}
