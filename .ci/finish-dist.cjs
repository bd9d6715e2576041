// Second half of `npm run build`: what lies beside the code and is no TypeScript goes to dist as it is, and what no source
// stands for leaves it, such as a renamed migration. dist is never emptied, and a file that is right is not touched: a service
// or a test of this checkout may be running from it.
const { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync } = require('node:fs');
const { dirname, join } = require('node:path');

const filesIn = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
const same = (one, other) => {
  try {
    return readFileSync(one).equals(readFileSync(other));
  } catch {
    return false;
  }
};

const sources = filesIn('src');
const assets = sources.filter((file) => /\.(sql|cjs|yaml|html|css|mjs|svg)$/.test(file));
for (const file of assets) {
  const [from, to] = [join('src', file), join('dist', file)];
  if (same(from, to)) continue;
  mkdirSync(dirname(to), { recursive: true });
  // Whole or not at all, for a service that starts meanwhile.
  copyFileSync(from, `${to}.${process.pid}`);
  renameSync(`${to}.${process.pid}`, to);
}

const compiled = sources.filter((file) => /(?<!\.d)\.ts$/.test(file)).map((file) => file.replace(/ts$/, 'js'));
const known = new Set([...assets, ...compiled, '.tsbuildinfo']);
for (const file of filesIn('dist')) {
  if (known.has(file) || /\.\d+$/.test(file)) continue; // the latter: of a build at the same time
  rmSync(join('dist', file), { force: true });
  for (let folder = dirname(file); folder !== '.'; folder = dirname(folder)) {
    try {
      rmdirSync(join('dist', folder));
    } catch {
      break; // something else is in it
    }
  }
}
chmodSync('dist/main.js', 0o755);
