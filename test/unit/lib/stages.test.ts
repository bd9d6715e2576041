import { readdirSync, readFileSync } from 'node:fs';
import { STAGES } from '../../../src/lib/stages';

test('every stage is a folder of src', () => {
  const folders = readdirSync('src', { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(folders.map(({ name }) => name)).toEqual(expect.arrayContaining([...STAGES]));
});

test('the way of a slice reads the same in README, architecture and code', () => {
  expect(readFileSync('README.md', 'utf8')).toContain(`    ${STAGES.join(' -> ')}\n`);
  const page = readFileSync('docs/ARCHITECTURE.md', 'utf8');
  const listed = [...page.matchAll(/^ {4}(\w+)\/ /gm)].map(([, folder]) => folder);
  expect(listed.slice(0, STAGES.length)).toEqual([...STAGES]);
  const rest = readdirSync('src', { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !STAGES.includes(entry.name as never))
    .map(({ name }) => name);
  expect(listed.slice(STAGES.length).sort()).toEqual(rest.sort());
});

test('the API names every stage as a state', () => {
  const api = readFileSync('src/admin/openapi.yaml', 'utf8');
  for (const stage of STAGES.filter((each) => each !== 'association'))
    expect(api).toMatch(new RegExp(`\\b${stage}\\b`));
});
