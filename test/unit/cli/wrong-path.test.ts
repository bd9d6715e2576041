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

const run = (...given: string[]) => runWith({}, ...given);
function runWith(
  variables: Record<string, string>,
  ...given: string[]
): { status: number | null; said: string } {
  const environment = Object.entries(process.env).filter(([name]) => !name.startsWith('RAUNET_'));
  const { status, stdout, stderr } = spawnSync(process.execPath, [resolve('dist/main.js'), ...given], {
    cwd: folder,
    env: { ...Object.fromEntries(environment), ...variables },
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
  const { status, said } = run(...given);
  expect([status, said]).toEqual([1, expect.stringMatching(sentence)]);
  expect(said).not.toMatch(/^ +at |ENO|RAUNET_INTERNAL/m);
});

test.each(['nowhere', 'empty'])('--config %s: status 2, the file, and why it cannot be read', (config) => {
  const { status, said } = run('doctor', '--config', config);
  expect(status).toBe(2);
  expect(said).toMatch(/RAUNET_CONFIG: .*\((nowhere|empty) cannot be read: E(NOENT|ISDIR)\)/);
});

test('the file that RAUNET_CONFIG names is read in place of it, and --config before it', () => {
  const nowhere = { RAUNET_CONFIG: 'nowhere' };
  expect(runWith(nowhere, 'doctor').said).toContain('nowhere cannot be read');
  expect(runWith(nowhere, 'doctor', '--config', 'empty').said).toContain('empty cannot be read');
});

test('nothing was made by any of it but what was asked for', () => {
  expect(readdirSync(folder).sort()).toEqual(['empty', 'file']);
});
