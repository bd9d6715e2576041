import { schedule } from 'node-cron';
import type { Config } from '../config/schema';
import type { Log } from '../lib/log';

export type TaskName = 'retention' | 'disk' | 'echo' | 'reconcile';
export type Tasks = Record<TaskName, () => Promise<void>>;

export interface Maintenance {
  /** Now, beside the timetable; waits for a run of the same task that is under way, and is that run then. */
  run(name: TaskName): Promise<void>;
  /** No task begins any more; resolves when the running ones have ended. */
  stop(): Promise<void>;
}

/**
 * Runs each task by its cron expression in the local time of the machine, never two runs of one task at once. What a
 * task throws is logged, and the next run is tried all the same.
 */
export function startMaintenance(deps: {
  config: Config['maintenance'];
  log: Log;
  /** Those that this process does. */
  tasks: Partial<Tasks>;
}): Maintenance {
  const { config, log, tasks } = deps;
  const running = new Map<TaskName, Promise<void>>();

  const run = (name: TaskName): Promise<void> => {
    const current = running.get(name);
    if (current) return current;
    const task = tasks[name];
    if (!task) return Promise.resolve();
    const begun = task()
      .catch((error: unknown) =>
        log.error('A maintenance task failed; it is tried again at its next time', { task: name, error }),
      )
      .finally(() => running.delete(name));
    running.set(name, begun);
    return begun;
  };

  const expressions: Record<TaskName, string> = {
    retention: config.retentionCron,
    disk: config.diskCron,
    echo: config.echoCron,
    reconcile: config.reconcileCron,
  };
  const scheduled = (Object.keys(tasks) as TaskName[]).map((name) =>
    schedule(expressions[name], () => run(name), {
      name,
      suppressMissedWarning: true,
      logger: quiet(log),
    }),
  );

  return {
    run,
    async stop() {
      for (const task of scheduled) await task.destroy();
      await Promise.all(running.values());
    },
  };
}

/** node-cron writes to the console otherwise. */
const quiet = (log: Log) => ({
  info: (message: string) => log.debug(message),
  debug: (message: string | Error) => log.debug(String(message)),
  warn: (message: string) => log.warn(message),
  error: (message: string | Error, error?: Error) => log.error(String(message), error ? { error } : {}),
});
