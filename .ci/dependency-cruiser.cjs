// The layer rules of docs/ARCHITECTURE.md, checked by `npm run check`.
const STAGES = ['association', 'spool', 'series', 'volume', 'tensor', 'inference', 'mask', 'result', 'delivery'];
const PURE = '^src/(series|tensor|mask|result)/|^src/volume/(?!decoder|worker)';
const only = (name, folders, dependency) => ({
  name,
  severity: 'error',
  from: { path: '^src/', pathNot: `^src/(${folders})/` },
  to: { path: `node_modules/${dependency}/` },
});

module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-orphans', severity: 'error', from: { orphan: true, pathNot: ['\\.d\\.ts$', '^src/main\\.ts$', '^src/inference/child\\.ts$', '^src/analysis/thread\\.ts$', '^src/admin/static/'] }, to: {} },
    ...STAGES.slice(0, -1).map((stage, i) => ({
      name: `${stage}-looks-only-back`,
      severity: 'error',
      from: { path: `^src/${stage}/` },
      to: { path: `^src/(${STAGES.slice(i + 1).join('|')})/` },
    })),
    ...STAGES.slice(1).map((stage, i) => ({
      name: `${stage}-knows-earlier-stages-by-type`,
      severity: 'error',
      from: { path: `^src/${stage}/` },
      to: { path: `^src/(${STAGES.slice(0, i + 1).join('|')})/`, dependencyTypesNot: ['type-only'], pathNot: '/types\\.ts$' },
    })),
    { name: 'stages-know-no-app', severity: 'error', from: { path: `^src/(${STAGES.join('|')}|dicom|lib|config|jobs)/` }, to: { path: '^src/(app|main|pipeline)\\.ts$|^src/(admin|cli|demo|records)/' } },
    { name: 'stages-know-no-jobs', severity: 'error', from: { path: `^src/(${STAGES.join('|')})/` }, to: { path: '^src/jobs/' } },
    { name: 'jobs-are-generic', severity: 'error', from: { path: '^src/jobs/' }, to: { path: '^src/', pathNot: '^src/(jobs|lib)/' } },
    { name: 'lib-is-a-leaf', severity: 'error', from: { path: '^src/lib/' }, to: { path: '^src/', pathNot: '^src/lib/' } },
    { name: 'dicom-is-near-leaf', severity: 'error', from: { path: '^src/dicom/' }, to: { path: '^src/', pathNot: '^src/(dicom|lib)/' } },
    { name: 'service-knows-no-demo', severity: 'error', from: { path: '^src/', pathNot: '^src/(demo|cli)/' }, to: { path: '^src/demo/' } },
    { name: 'pure-core-no-io', severity: 'error', from: { path: PURE }, to: { path: '^(node:)?(fs|fs/promises|net|http|https|child_process|worker_threads|dns|tls)$' } },
    only('only-dicom-imports-dcmjs', 'dicom', 'dcmjs'),
    only('only-edges-import-dimse', 'association|delivery|dicom|demo', 'dcmjs-dimse'),
    only('only-inference-imports-ort', 'inference', 'onnxruntime-node'),
    only('only-admin-imports-express', 'admin', 'express'),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '\\.d\\.ts$' },
  },
};
