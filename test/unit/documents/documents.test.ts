import { readFileSync, writeFileSync } from 'node:fs';
import { conformanceDocument } from '../../fixtures/documents/conformance';
import { errorsDocument } from '../../fixtures/documents/errors';

test.each([
  ['docs/ERRORS.md', errorsDocument],
  ['deploy/CONFORMANCE.md', conformanceDocument],
])('%s says what the tables of the code say', (file, made) => {
  if (process.env['UPDATE_DOCUMENTS'] === '1') writeFileSync(file, made());
  expect(readFileSync(file, 'utf8')).toBe(made());
});
