// `npm run sbom [-- FILE]`: CycloneDX of what is shipped (no development packages), with the models of onnx/contract.json.
const { execFileSync } = require('node:child_process');
const { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');

const file = process.argv[2] ?? 'sbom.cdx.json';
const read = (path) => JSON.parse(readFileSync(path, 'utf8'));
const { devDependencies: _, ...manifest } = read('package.json');
const lock = read('package-lock.json');

// `npm sbom --omit dev` (11.19) leaves out whatever a development package uses too, a quarter of what is shipped. So it is
// asked about a package that has no development packages. It names the root after its folder.
for (const [path, { dev }] of Object.entries(lock.packages)) if (dev) delete lock.packages[path];
delete lock.packages[''].devDependencies;
const temporary = mkdtempSync(join(tmpdir(), 'raunet-sbom-'));
const folder = join(temporary, manifest.name);
mkdirSync(folder);
writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock));
const options = ['sbom', '--sbom-format', 'cyclonedx', '--sbom-type', 'application', '--package-lock-only'];
const sbom = JSON.parse(execFileSync('npm', options, { cwd: folder, encoding: 'utf8', maxBuffer: 1e8 }));
rmSync(temporary, { recursive: true });

for (const model of read('onnx/contract.json').models)
  sbom.components.push({
    type: 'machine-learning-model',
    'bom-ref': `model:${model.name}@${model.version}`,
    name: model.name,
    version: model.version,
    hashes: [{ alg: 'SHA-256', content: model.sha256 }],
  });
writeFileSync(file, `${JSON.stringify(sbom, null, 2)}\n`);
process.stdout.write(`${sbom.components.length} components of ${manifest.name} ${manifest.version} in ${file}\n`);
