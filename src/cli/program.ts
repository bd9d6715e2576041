import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { loadConfig } from '../config/load';
import { ROLES } from '../config/admin';
import type { Config } from '../config/schema';
import { DEFAULT_CHEST } from '../demo/phantom/chest';
import { SERVICE_VERSION } from '../lib/package';
import { EXIT, type ExitCode } from './exit-codes';

const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** The commands: arguments in, sentences and an exit code out. Each loads its code when it runs: probes ask `health` every few seconds. */
export function program(done: (code: ExitCode) => void): Command {
  const cli = new Command('raunet')
    .description(
      'Chest CT in over DICOM, ground-glass opacity, consolidation and pleural effusion back as SEG and SR.',
    )
    .version(SERVICE_VERSION)
    .addHelpText(
      'after',
      '\nExit codes: 0 done; 1 something failed or was refused, the last line says what; 2 wrong arguments or configuration.',
    )
    .exitOverride();

  withConfig(cli.command('serve').description('run the service until SIGTERM')).action(
    async (options: ConfigOption) => {
      const { serve } = await import('./serve.js');
      done(await serve(configOf(options), print));
    },
  );

  withConfig(
    cli.command('health').description('ask the service of this configuration on this machine if it is well'),
  )
    .option('--ready', 'whether every part that it needs works, not only whether it lives', false)
    .action(async ({ ready, ...options }: ConfigOption & { ready: boolean }) => {
      const { health } = await import('./health.js');
      done(await health(configOf(options).admin, { ready }, print));
    });

  cli
    .command('demo')
    .description('do the main job once: a phantom series in over DICOM, its results back')
    .option('--series <dir>', 'a folder of real DICOM instead of the phantom')
    .option('--out <dir>', 'where everything is written', 'demo-output')
    .action(async ({ series, out }: { series?: string; out: string }) => {
      const { runDemo } = await import('../demo/demo.js');
      done(await runDemo({ series: series ?? null, out: resolve(out) }, print));
    });

  withConfig(
    cli
      .command('process')
      .argument('<dir>', 'folder of DICOM files')
      .description('analyse a folder without PACS and database'),
  )
    .requiredOption('--out <dir>', 'where results are written, one folder for each series')
    .option('--json', 'print the measurements as JSON', false)
    .action(async (directory: string, options: ConfigOption & { out: string; json: boolean }) => {
      const { processCommand } = await import('./process.js');
      const { out, json } = options;
      done(await processCommand({ directory, out, json }, configOf(options), print));
    });

  withConfig(cli.command('doctor').description('check what the service needs, a line each')).action(
    async (options: ConfigOption) => {
      const [{ doctor }, { doctorDeps }] = await Promise.all([
        import('./doctor.js'),
        import('./doctor-deps.js'),
      ]);
      done(await doctor(doctorDeps(configOf(options), print)));
    },
  );

  withConfig(
    cli
      .command('echo')
      .argument('<name>', 'a destination of the configuration')
      .description('C-ECHO to a destination'),
  ).action(async (name: string, options: ConfigOption) => {
    const [{ echoCommand }, { doctorDeps }] = await Promise.all([
      import('./doctor.js'),
      import('./doctor-deps.js'),
    ]);
    done(await echoCommand(name, doctorDeps(configOf(options), print)));
  });

  const records = cli
    .command('records')
    .description('move what the database knows to another one; the service must be stopped');
  for (const direction of ['export', 'import'] as const)
    withConfig(
      records
        .command(direction)
        .argument('<file>', direction === 'export' ? 'a new file of JSON lines' : 'what export wrote')
        .description(direction === 'export' ? 'write all records' : 'read records into an empty database'),
    ).action(async (file: string, options: ConfigOption) => {
      const { moveRecords } = await import('./records.js');
      done(await moveRecords(direction, file, configOf(options), print));
    });

  const token = cli.command('token').description('who may use the admin pages and the API');
  withConfig(
    token
      .command('create')
      .description('make a token and show it once')
      .requiredOption('--name <name>', 'whom it is given to')
      .requiredOption('--role <role>', ROLES.join(', '))
      .option('--days <n>', 'how long it lasts; left out: until it is revoked', wholeNumber),
  ).action(async ({ config, ...asked }: ConfigOption & { name: string; role: string; days?: number }) => {
    const { createToken } = await import('./token.js');
    done(await createToken(asked, configOf({ config }), print));
  });
  withConfig(token.command('list').description('names, roles and ends; never a secret')).action(
    async (options: ConfigOption) => {
      const { listTokens } = await import('./token.js');
      done(await listTokens(configOf(options), print));
    },
  );
  withConfig(
    token.command('revoke').argument('<name>').description('end it, and the sessions begun with it'),
  ).action(async (name: string, options: ConfigOption) => {
    const { revokeToken } = await import('./token.js');
    done(await revokeToken(name, configOf(options), print));
  });

  cli
    .command('phantom')
    .description('write the synthetic chest CT of the demo')
    .requiredOption('--out <dir>', 'folder of the files')
    .option('--slices <n>', 'how many slices', wholeNumber, DEFAULT_CHEST.slices)
    .option('--no-lesions', 'healthy lungs')
    .action(async ({ out, slices, lesions }: { out: string; slices: number; lesions: boolean }) => {
      const { writePhantom } = await import('./phantom.js');
      const { series } = await writePhantom(out, { slices, lesions });
      print(`${series.count} slices written to ${out}`);
      done(EXIT.ok);
    });

  return cli;
}

interface ConfigOption {
  config?: string | undefined;
}

const withConfig = (command: Command): Command =>
  command.addOption(
    new Option(
      '--config <file>',
      'configuration; left out: conf/raunet.yaml of the working folder, else the defaults',
    ).env('RAUNET_CONFIG'),
  );

function configOf({ config }: ConfigOption): Config {
  const local = 'conf/raunet.yaml';
  return loadConfig(config ?? (existsSync(local) ? local : null), process.env);
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('is no whole number above 0.');
  return value;
}
