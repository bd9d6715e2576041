import fc from 'fast-check';
import { shown } from '../../../src/lib/shown';

test.each([
  [0, 1, '0.0'],
  [0.0001, 1, '< 0.1'],
  [0.0499, 1, '< 0.1'],
  [0.05, 1, '0.1'],
  [12.34, 1, '12.3'],
  [0.4, 0, '< 1'],
  [103.5, 0, '104'],
])('%d to %d decimals is shown as %s', (value, decimals, text) => {
  expect(shown(value, decimals)).toBe(text);
});

test('what is there is never shown as nothing, and nothing never as something', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e5, noNaN: true }), fc.nat({ max: 3 }), (value, decimals) => {
      expect(Number(shown(value, decimals)) === 0).toBe(value === 0);
    }),
  );
});
