// `npm run audit`: known holes of the packages in package-lock.json, at the level "high" and above. Each that is accepted stands
// in audit-exceptions.json with its reason. Exit codes: 0 none; 1 some that are not accepted; 3 the registry does not tell.
const { spawnSync } = require('node:child_process');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');

const LEVELS = ['high', 'critical'];
const exceptions = JSON.parse(readFileSync(process.argv[2] ?? join(__dirname, 'audit-exceptions.json'), 'utf8'));

const { stdout, stderr } = spawnSync('npm', ['audit', '--json', '--package-lock-only'], { encoding: 'utf8', maxBuffer: 1e8 });
const report = parse(stdout);
if (report?.vulnerabilities === undefined) {
  process.stdout.write(
    `\n*** NOT CHECKED: the registry gives no advisories (${(report?.message ?? stderr).trim().split('\n')[0]}).\n` +
      '*** Run `npm run audit` against registry.npmjs.org, or a mirror that serves /-/npm/v1/security/advisories/bulk.\n\n',
  );
  process.exit(3);
}

// Of a package that only depends on one with a hole, `via` is a name; the hole itself is an object.
const found = new Map();
for (const { via } of Object.values(report.vulnerabilities))
  for (const advisory of via) if (LEVELS.includes(advisory.severity)) found.set(advisory.url, advisory);

const accepted = new Map(exceptions.map(({ url, reason }) => [url, reason]));
const open = [...found.values()].filter(({ url }) => !accepted.has(url));
for (const { url, name, title, severity } of open) process.stdout.write(`${severity}: ${name}: ${title}\n  ${url}\n`);
for (const [url, reason] of accepted)
  process.stdout.write(found.has(url) ? `accepted: ${url}: ${reason}\n` : `no longer needed in audit-exceptions.json: ${url}\n`);
const stale = [...accepted.keys()].filter((url) => !found.has(url));
process.stdout.write(`${found.size} advisories of level high and above, ${open.length} not accepted\n`);
process.exit(open.length + stale.length > 0 ? 1 : 0);

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
