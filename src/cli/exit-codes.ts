/** Exit codes of every command; the README lists them. */
export const EXIT = {
  ok: 0,
  /** The command ran and something failed, or was refused: the last line says what. */
  failed: 1,
  /** Wrong arguments or configuration: nothing was begun. */
  usage: 2,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
