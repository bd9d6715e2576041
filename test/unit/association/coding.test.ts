import fc from 'fast-check';
import { decodeAssociateRequest } from '../../../src/association/associate-request';
import { ProtocolError } from '../../../src/association/broken';
import { decodeCommand } from '../../../src/association/command';
import { encodeResponse } from '../../../src/dicom/command-set';
import { associateRq, cStoreRq, commandSet, type Proposal } from '../../fixtures/scripted-peer';

const uid = fc.stringMatching(/^[0-9][0-9.]{0,63}$/);
const proposals = fc.uniqueArray(
  fc.record<Proposal>({
    id: fc.integer({ min: 0, max: 127 }).map((n) => 2 * n + 1),
    abstractSyntax: uid,
    transferSyntaxes: fc.array(uid, { maxLength: 5 }),
  }),
  { selector: ({ id }) => id, maxLength: 20 },
);
/** Nothing but a result or a ProtocolError. */
const returns = (decode: () => unknown) => {
  try {
    decode();
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(ProtocolError);
  }
};

test('an A-ASSOCIATE-RQ decodes to what was proposed, contexts in any order', () => {
  fc.assert(
    fc.property(proposals, fc.nat(), (contexts, maxPduLength) => {
      const body = associateRq({ contexts, maxPduLength, calledAe: 'A B', callingAe: 'PEER' }).subarray(6);
      expect(decodeAssociateRequest(body)).toEqual({
        protocolVersion: 1,
        calledAe: 'A B',
        callingAe: 'PEER',
        applicationContext: '1.2.840.10008.3.1.1.1',
        contexts,
        maxPduLength,
        implementationVersion: '',
        roles: new Map(),
      });
    }),
  );
});

test('a cut or mutated A-ASSOCIATE-RQ, or any bytes at all: a result or a ProtocolError', () => {
  const body = associateRq().subarray(6);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(body.length - 1), fc.nat(255)), { maxLength: 8 }),
      fc.nat(body.length),
      (edits, end) => {
        const mutated = Buffer.from(body);
        for (const [at, value] of edits) mutated[at] = value;
        returns(() => decodeAssociateRequest(mutated.subarray(0, end)));
      },
    ),
    { numRuns: 2000 },
  );
});

test.each<[string, Proposal[]]>([
  ['an even context id', [{ id: 2, abstractSyntax: '1.2', transferSyntaxes: ['1.2'] }]],
  [
    'a context id that comes twice',
    [1, 1].map((id) => ({ id, abstractSyntax: '1.2', transferSyntaxes: ['1.2'] })),
  ],
])('%s is a ProtocolError', (_, contexts) => {
  expect(() => decodeAssociateRequest(associateRq({ contexts }).subarray(6))).toThrow(ProtocolError);
});

test('a command set decodes; cut or mutated it is a result or a ProtocolError', () => {
  const set = cStoreRq('1.2.3', 77);
  expect(decodeCommand(set)).toEqual({
    field: 1,
    messageId: 77,
    sopClassUid: '1.2.840.10008.5.1.4.1.1.2',
    sopInstanceUid: '1.2.3',
    typeId: null,
    status: null,
    hasDataSet: true,
  });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(set.length - 1), fc.nat(255)), { maxLength: 8 }),
      fc.nat(set.length),
      (edits, end) => {
        const mutated = Buffer.from(set);
        for (const [at, value] of edits) mutated[at] = value;
        returns(() => decodeCommand(mutated.subarray(0, end)));
      },
    ),
    { numRuns: 2000 },
  );
});

test('a response, byte for byte (PS3.7 9.3.1.2)', () => {
  const command = decodeCommand(cStoreRq('1.2.3', 77));
  const response = commandSet({
    0x0002: '1.2.840.10008.5.1.4.1.1.2',
    0x0100: 0x8001,
    0x0120: 77,
    0x0800: 0x0101,
    0x0900: 0,
    0x1000: '1.2.3',
  });
  expect(encodeResponse(command, 0)).toEqual(response);
});

test('a response echoes no UID that is none, and cuts its comment to 64 characters', () => {
  const response = encodeResponse(
    {
      field: 1,
      messageId: 1,
      sopClassUid: 'x'.repeat(500),
      sopInstanceUid: '../..',
    },
    0xc000,
    'c'.repeat(65),
  );
  expect(response.toString('latin1')).not.toMatch(/x|\.\./);
  expect(response.toString('latin1').match(/c+/)?.[0]).toHaveLength(64);
});
