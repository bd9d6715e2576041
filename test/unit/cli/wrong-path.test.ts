import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

// What somebody types wrong at the command line, as they see it.

const folder = mkdtempSync(join(tmpdir(), 'raunet-typed-'));
beforeAll(() => {
  mkdirSync(join(folder, 'empty'));
  writeFileSync(join(folder, 'file'), '');
});
afterAll(() => rmSync(folder, { recursive: true }));

function run(given: string[], more: NodeJS.ProcessEnv = {}): { status: number | null; said: string } {
  const environment = Object.entries(process.env).filter(([name]) => !name.startsWith('RAUNET_'));
  const { status, stdout, stderr } = spawnSync(process.execPath, [resolve('dist/main.js'), ...given], {
    cwd: folder,
    env: { ...Object.fromEntries(environment), ...more },
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { status, said: (stdout + stderr).trim() };
}

test.each<[string[], RegExp]>([
  [['process', 'nowhere', '--out', 'out'], /^nowhere: there is no such file or folder\.$/],
  [['process', 'file', '--out', 'out'], /^file: a file stands where a folder is needed\.$/],
  [
    ['process', 'empty', '--out', 'out'],
    /^No DICOM images below empty\. Name a folder that holds a CT series\.$/,
  ],
  [['phantom', '--out', 'file'], /^file: a file stands where a folder is needed\.$/],
  [['demo', '--out', 'file'], /\/file: a file stands where a folder is needed\.$/],
  [['demo', '--series', 'nowhere', '--out', 'out'], /^nowhere: there is no such file or folder\.$/],
  [
    ['demo', '--series', 'empty', '--out', 'out'],
    /^No DICOM images below empty\. Name a folder that holds a CT series\.$/,
  ],
  [
    ['records', 'export', 'nowhere/file'],
    /^nowhere\/file cannot be written: there is no such file or folder\.$/,
  ],
  [['records', 'import', 'nowhere'], /^nowhere cannot be read: there is no such file or folder\.$/],
  [['records', 'import', 'empty'], /^empty cannot be read: it is a folder, not a file\.$/],
])('raunet %j says what is wrong with the path, in a sentence, with status 1', (given, sentence) => {
  const { status, said } = run(given);
  expect([status, said]).toEqual([1, expect.stringMatching(sentence)]);
  expect(said).not.toMatch(/^ +at |ENO|RAUNET_INTERNAL/m);
});

test.each(['nowhere', 'empty'])('--config %s: status 2, the file, and why it cannot be read', (config) => {
  const { status, said } = run(['doctor', '--config', config]);
  expect(status).toBe(2);
  expect(said).toMatch(/RAUNET_CONFIG: .*\((nowhere|empty) cannot be read: E(NOENT|ISDIR)\)/);
});

// Not read, it would be a service that runs with the defaults in silence.
test('RAUNET_CONFIG is read by every command that has --config, which goes before it', () => {
  for (const command of [
    'serve',
    'health',
    'doctor',
    'process x --out x',
    'echo x',
    'records export x',
    'token list',
  ]) {
    const { status, said } = run(command.split(' '), { RAUNET_CONFIG: 'nowhere.yaml' });
    expect([command, status, said]).toEqual([
      command,
      2,
      expect.stringContaining('nowhere.yaml cannot be read'),
    ]);
  }
  const { said } = run(['health', '--config', 'other.yaml'], { RAUNET_CONFIG: 'nowhere.yaml' });
  expect(said).toContain('other.yaml cannot be read');
});

test('nothing was made by any of it but what was asked for', () => {
  expect(readdirSync(folder).sort()).toEqual(['empty', 'file']);
});
