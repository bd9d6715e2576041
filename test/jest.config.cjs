// One configuration for all suites; npm scripts pick a suite by its folder.
const esmOnly = [
  'pg-boss',
  'serialize-error',
  'non-error',
  'tagged-tag',
  'type-fest',
  'openid-client',
  'jose',
  'oauth4webapi',
];
module.exports = {
  rootDir: '..',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  testEnvironment: 'node',
  transform: {
    '^.+\\.(t|m?j)s$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } },
    ],
  },
  transformIgnorePatterns: [`/node_modules/(?!(${esmOnly.join('|')})/)`],
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
  // Jest leaves one core out: on two cores that is half of the machine.
  maxWorkers: '100%',
  testTimeout: 30_000,
};
