import { configSchema } from '../../../src/config/schema';
import { route } from '../../../src/delivery/route';

const destination = (name: string, aeTitle: string) => ({ name, aeTitle, host: 'pacs.example', port: 104 });
const delivery = (rules: object[]) =>
  configSchema.parse({
    delivery: {
      destinations: [
        destination('main', 'PACS'),
        destination('archive', 'ARCHIVE'),
        destination('ct', 'CT1'),
      ],
      rules,
    },
  }).delivery;
const from = (callingAe: string, calledAe = 'RAUNET') => ({ callingAe, calledAe });

test('the first rule that fits wins, and the reason names it', () => {
  const config = delivery([
    { callingAe: 'OTHER', to: ['ct'] },
    { callingAe: 'CT1', calledAe: 'RAUNET', to: ['main', 'archive'] },
    { to: ['archive'] },
  ]);
  expect(route(from('CT1'), config)).toEqual({
    destinations: ['main', 'archive'],
    reason: 'Delivery rule 2 fits sender CT1 calling RAUNET.',
  });
  expect(route(from('CT1', 'RAUNET2'), config).destinations).toEqual(['archive']);
});

test('spaces around an AE title do not count (PS3.5 6.2)', () => {
  expect(route(from('CT1 '), delivery([{ callingAe: ' CT1', to: ['main'] }])).destinations).toEqual(['main']);
});

test('a destination named twice is sent to once', () => {
  expect(route(from('CT1'), delivery([{ to: ['main', 'main'] }])).destinations).toEqual(['main']);
});

test('without a rule that fits the results go back to the sender', () => {
  expect(route(from('CT1'), delivery([{ calledAe: 'ELSE', to: ['main'] }]))).toEqual({
    destinations: ['ct'],
    reason: 'No delivery rule fits: back to the sender CT1.',
  });
});

test('a sender that is no destination is a coded refusal that names its AE title', () => {
  expect(() => route(from('STRANGER'), delivery([]))).toThrow(/^RAUNET_DESTINATION_UNKNOWN: .*STRANGER/);
});
