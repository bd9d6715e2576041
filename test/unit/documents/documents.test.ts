import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { program } from '../../../src/cli/program';
import { conformanceDocument } from '../../fixtures/documents/conformance';
import { errorsDocument } from '../../fixtures/documents/errors';
import { metricsDocument } from '../../fixtures/documents/metrics';

test.each([
  ['docs/ERRORS.md', errorsDocument],
  ['deploy/CONFORMANCE.md', conformanceDocument],
  ['docs/METRICS.md', metricsDocument],
])('%s says what the tables of the code say', async (file, make) => {
  const made = await make();
  if (process.env['UPDATE_DOCUMENTS'] === '1') writeFileSync(file, made);
  expect(readFileSync(file, 'utf8')).toBe(made);
});

test('docs/SECURITY.md names tests that are there, and every test of test/security', () => {
  const text = readFileSync('docs/SECURITY.md', 'utf8');
  const named = [...text.matchAll(/test\/[\w/-]+\.test\.ts/g)].map(([file]) => file);
  expect(named.filter((file) => !existsSync(file))).toEqual([]);
  const all = readdirSync('test/security').map((name) => `test/security/${name}`);
  expect(all.filter((file) => !named.includes(file))).toEqual([]);
});

/** `code: 'X'`, `warning('X'` and `some('X'`, as they are written in a history. */
const WRITTEN = /(?:code: |warning\(|some\()\s*'([A-Z][A-Z_]+)'/g;

test('every code that the source writes into the history of a series is in docs/ERRORS.md', () => {
  const files = ['src/series', 'src/records', 'src/steps'].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
  );
  const written = files
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => [...readFileSync(file, 'utf8').matchAll(WRITTEN)].map(([, code]) => code!));
  expect(written.length).toBeGreaterThan(10);
  const documented = readFileSync('docs/ERRORS.md', 'utf8');
  expect(written.filter((code) => !documented.includes(`| \`${code}\` |`))).toEqual([]);
});

test('codes, metrics and commands that docs and README name are there', async () => {
  const metrics = await metricsDocument();
  const commands = new Set(program(() => {}).commands.map((command) => command.name()));
  const wrong = [
    'README.md',
    ...readdirSync('docs')
      .filter((name) => name.endsWith('.md'))
      .map((name) => join('docs', name)),
  ].flatMap((file) => {
    const text = readFileSync(file, 'utf8');
    const all = (pattern: RegExp) => [...text.matchAll(pattern)].map(([, name]) => name!);
    return [
      ...all(/\b(raunet_[a-z_]+)/g).filter((name) => !metrics.includes(`\`${name}\``)),
      ...all(/(?:^ +|`|npx )raunet ([a-z]+)/gm).filter((name) => !commands.has(name)),
    ].map((name) => `${file}: ${name}`);
  });
  expect(wrong).toEqual([]);
});
