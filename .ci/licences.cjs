// `npm run licences`: the licence of every package in package-lock.json, as SPDX, against those that go with Apache-2.0 and
// with being shipped. Exit code 1 where one does not, or is not known.
const { existsSync, readFileSync } = require('node:fs');

const ALLOWED = new Set([
  ...['MIT', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'BlueOak-1.0.0', 'CC0-1.0', 'Zlib', 'PostgreSQL', 'Unlicense'],
  // Data of caniuse-lite, a development package.
  'CC-BY-4.0',
]);
/** Read by hand: package.json says it in no way that SPDX knows. */
const BY_HAND = { memorystream: 'MIT' };

const { packages } = JSON.parse(readFileSync(process.argv[2] ?? 'package-lock.json', 'utf8'));
const nameOf = (path) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
/** Binaries of other platforms are not installed here: they have the licence of the package that asks for them. */
const parents = new Map(
  Object.values(packages).flatMap((parent) =>
    Object.keys(parent.optionalDependencies ?? {}).map((name) => [name, licenceOf('', parent)]),
  ),
);

function licenceOf(path, { license }) {
  const installed = path !== '' && existsSync(`${path}/package.json`) ? JSON.parse(readFileSync(`${path}/package.json`)).license : undefined;
  return license ?? installed ?? BY_HAND[nameOf(path)];
}

/** "(A OR B) AND C": one of the alternatives, all of the parts. */
const allowed = (expression) =>
  expression
    .replace(/[()]/g, '')
    .split(' AND ')
    .every((part) => part.split(' OR ').some((licence) => ALLOWED.has(licence)));

const byLicence = new Map();
const refused = [];
for (const [path, entry] of Object.entries(packages)) {
  if (path === '') continue;
  const licence = licenceOf(path, entry) ?? parents.get(nameOf(path)) ?? 'unknown';
  const counts = byLicence.get(licence) ?? { shipped: 0, development: 0 };
  counts[entry.dev ? 'development' : 'shipped'] += 1;
  byLicence.set(licence, counts);
  if (!allowed(licence)) refused.push(`${nameOf(path)} ${entry.version}: ${licence}`);
}
process.stdout.write('licence                       shipped  development\n');
for (const [licence, { shipped, development }] of [...byLicence].sort())
  process.stdout.write(`${licence.padEnd(30)}${String(shipped).padStart(7)}${String(development).padStart(13)}\n`);
for (const line of refused) process.stdout.write(`not allowed: ${line}\n`);
process.exit(refused.length > 0 ? 1 : 0);
