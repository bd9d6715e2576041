import type { Log } from '../lib/log';

/** A hook of the application that fails is a defect of it: logged, and the association goes on. */
export function quietly(log: Log, hook: () => void | Promise<void>): void {
  const failed = (error: unknown) => log.error('a hook failed', { stage: 'association', error });
  try {
    Promise.resolve(hook()).catch(failed);
  } catch (error) {
    failed(error);
  }
}
