import { ACCEPTED_SOP_CLASSES, negotiate } from '../../../src/association/presentation-contexts';

const CT = '1.2.840.10008.5.1.4.1.1.2';
const COMMITMENT = '1.2.840.10008.1.20.1';
const propose = (abstractSyntax: string, ...transferSyntaxes: string[]) =>
  negotiate([{ id: 1, abstractSyntax, transferSyntaxes }])[0];

test('the classes and transfer syntaxes that the service promises', () => {
  expect(ACCEPTED_SOP_CLASSES.map(({ uid, service }) => [uid, service])).toEqual([
    ['1.2.840.10008.1.1', 'C-ECHO'],
    [CT, 'C-STORE'],
    ['1.2.840.10008.5.1.4.1.1.2.1', 'C-STORE'],
    ['1.2.840.10008.5.1.4.1.1.2.2', 'C-STORE'],
    [COMMITMENT, 'N-ACTION'],
  ]);
  const jpeg = ['50', '51', '57', '70', '80', '81', '90', '91', '201', '202', '203'];
  for (const { service, transferSyntaxes } of ACCEPTED_SOP_CLASSES)
    if (service === 'C-STORE')
      expect([...transferSyntaxes].sort()).toEqual(
        ['', '.1', '.1.99', '.2', '.5', ...jpeg.map((n) => `.4.${n}`)]
          .map((end) => `1.2.840.10008.1.2${end}`)
          .sort(),
      );
});

test('the sender’s first transfer syntax that we know is taken, whatever stands around it', () => {
  expect(propose(CT, '1.2.3', '1.2.840.10008.1.2.4.70', '1.2.840.10008.1.2.1', '1.2.4')).toMatchObject({
    result: 0,
    transferSyntax: '1.2.840.10008.1.2.4.70',
  });
});

test('a class that we do not store, or none of its transfer syntaxes: rejected with the reason (PS3.8 Table 9-18)', () => {
  expect(propose('1.2.840.10008.5.1.4.1.1.4', '1.2.840.10008.1.2')).toMatchObject({
    result: 3,
    sopClass: null,
  });
  expect(propose(CT, '1.2.840.10008.1.2.4.55')).toMatchObject({ result: 4, sopClass: null });
  expect(propose(CT)).toMatchObject({ result: 4, sopClass: null });
});

test('role selection is answered for storage commitment only, as it was asked for (PS3.7 D.3.3.4)', () => {
  const both = [COMMITMENT, CT].map((abstractSyntax, i) => ({
    id: 2 * i + 1,
    abstractSyntax,
    transferSyntaxes: ['1.2.840.10008.1.2'],
  }));
  const scp = { scu: false, scp: true };
  const wanted = new Map(both.map(({ abstractSyntax }) => [abstractSyntax, scp]));
  expect(negotiate(both, ACCEPTED_SOP_CLASSES, wanted).map(({ roles }) => roles)).toEqual([scp, null]);
  expect(negotiate(both).map(({ roles }) => roles)).toEqual([null, null]);
});
