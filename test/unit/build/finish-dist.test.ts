import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

// `npm run build` after tsc: dist stands for src, and for nothing that src was before.

const folder = mkdtempSync(join(tmpdir(), 'raunet-dist-'));
afterAll(() => rmSync(folder, { recursive: true }));

const put = (file: string, text: string): void => {
  mkdirSync(join(folder, dirname(file)), { recursive: true });
  writeFileSync(join(folder, file), text);
};
const dist = (): string[] => readdirSync(join(folder, 'dist'), { recursive: true }).map(String).sort();
const finish = (): void =>
  void execFileSync(process.execPath, [resolve('.ci/finish-dist.cjs')], { cwd: folder });

test('what a source stands for is there and up to date, what none stands for is gone, what was right is not written again', () => {
  put('src/main.ts', '');
  put('src/part/own.d.ts', '');
  put('src/part/0001_first.sql', 'now');
  put('src/part/0002_second.sql', 'as it was');
  for (const file of ['main.js', 'part/old.js', 'gone/deep/page.html', '.tsbuildinfo'])
    put(`dist/${file}`, '');
  put('dist/part/0001_first.sql', 'before');
  put('dist/part/0002_second.sql', 'as it was');
  put('dist/part/0002_another_name.sql', 'as it was');
  const right = join(folder, 'dist/part/0002_second.sql');
  utimesSync(right, 1, 1);
  finish();
  expect(dist()).toEqual(
    ['.tsbuildinfo', 'main.js', 'part', 'part/0001_first.sql', 'part/0002_second.sql'].map((name) =>
      join(name),
    ),
  );
  expect(readFileSync(join(folder, 'dist/part/0001_first.sql'), 'utf8')).toBe('now');
  expect(statSync(right).mtimeMs).toBe(1000);
});
