// Second half of `npm run build`: what lies beside the code and is no TypeScript goes to dist as it is.
const { chmodSync, copyFileSync, mkdirSync, readdirSync } = require('node:fs');
const { dirname, join } = require('node:path');

for (const file of readdirSync('src', { recursive: true })) {
  if (!/\.(sql|cjs|yaml|html|css|mjs|svg)$/.test(file)) continue;
  const target = join('dist', file);
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(join('src', file), target);
}
chmodSync('dist/main.js', 0o755);
