import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { conformanceDocument } from '../../fixtures/documents/conformance';
import { errorsDocument } from '../../fixtures/documents/errors';

test.each([
  ['docs/ERRORS.md', errorsDocument],
  ['deploy/CONFORMANCE.md', conformanceDocument],
])('%s says what the tables of the code say', (file, made) => {
  if (process.env['UPDATE_DOCUMENTS'] === '1') writeFileSync(file, made());
  expect(readFileSync(file, 'utf8')).toBe(made());
});

test('docs/SECURITY.md names tests that are there, and every test of test/security', () => {
  const text = readFileSync('docs/SECURITY.md', 'utf8');
  const named = [...text.matchAll(/test\/[\w/-]+\.test\.ts/g)].map(([file]) => file);
  expect(named.filter((file) => !existsSync(file))).toEqual([]);
  const all = readdirSync('test/security').map((name) => `test/security/${name}`);
  expect(all.filter((file) => !named.includes(file))).toEqual([]);
});
