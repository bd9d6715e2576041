import { RaunetError } from '../../../src/lib/errors';

// Found by fuzzing (test/faults/fuzz.test.ts): a damaged header had a name where the UID of the instance belongs.
test('what is no UID is told neither in the message nor in the context', () => {
  const error = new RaunetError('RAUNET_CORRUPT_PIXELS', { seriesUid: '1.2.3', sopInstanceUid: 'Doe^Jane' });
  expect(error.context).toEqual({ seriesUid: '1.2.3' });
  expect(error.message).toContain('(series 1.2.3)');
  expect(error.message).not.toContain('Doe');
});
