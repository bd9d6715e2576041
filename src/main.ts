#!/usr/bin/env node
import { CommanderError } from 'commander';
import { EXIT, type ExitCode } from './cli/exit-codes';
import { program } from './cli/program';
import { wrongPath } from './cli/wrong-path';
import { RaunetError } from './lib/errors';

/** The process: arguments, exit code, and a last word for whatever was not foreseen. */
async function main(): Promise<ExitCode> {
  // Whatever any command writes holds patient data, or secrets, or the way to them: files 0600, folders 0700.
  process.umask(0o077);
  let code: ExitCode = EXIT.ok;
  try {
    await program((result) => {
      code = result;
    }).parseAsync();
    return code;
  } catch (error) {
    // commander has printed its own message.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    const told = error instanceof RaunetError ? error.message : wrongPath(error);
    process.stderr.write(`${told ?? String((error as Error).stack)}\n`);
    return error instanceof RaunetError && error.code === 'RAUNET_CONFIG' ? EXIT.usage : EXIT.failed;
  }
}

void main().then((code) => {
  process.exitCode = code;
});
