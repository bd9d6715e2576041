import { startApp } from '../app';
import type { Config } from '../config/schema';
import { type RaunetError, toRaunetError } from '../lib/errors';
import { createLog } from '../lib/log';
import { EXIT, type ExitCode } from './exit-codes';

/** `raunet serve`: the service until SIGTERM or SIGINT, or until it cannot go on. */
export async function serve(config: Config, print: (line: string) => void): Promise<ExitCode> {
  const log = createLog(config.log.level);
  let resolve: (fatal: RaunetError | null) => void = () => {};
  const ended = new Promise<RaunetError | null>((done) => {
    resolve = done;
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.once(signal, () => {
      log.info('Stopping', { signal });
      resolve(null);
    });
  try {
    const app = await startApp(config, log, (error) => resolve(error));
    const fatal = await ended;
    if (fatal !== null) log.error('The service cannot go on', { error: fatal });
    await app.stop();
    log.info('Stopped');
    return fatal === null ? EXIT.ok : EXIT.failed;
  } catch (error) {
    log.error('The service does not start', { error });
    print(toRaunetError(error).message);
    return EXIT.failed;
  }
}
