import { existsSync } from 'node:fs';
import { closeAll, images, open } from '../unit/inference/service';

/** SwiftShader of Debian's chromium: WebGPU without a GPU; needs libvulkan1 too. Correct, and slow. */
const ICD = '/usr/lib/chromium/vk_swiftshader_icd.json';
const withSwiftShader = existsSync(ICD) ? describe : describe.skip;

jest.setTimeout(120_000);
afterEach(closeAll);

withSwiftShader('WebGPU on SwiftShader', () => {
  const before = process.env['VK_ICD_FILENAMES'];
  beforeAll(() => {
    process.env['VK_ICD_FILENAMES'] = ICD;
  });
  afterAll(() => {
    if (before === undefined) delete process.env['VK_ICD_FILENAMES'];
    else process.env['VK_ICD_FILENAMES'] = before;
  });

  test('passes the self-check, takes gpuBatch slices at once and answers them right', async () => {
    const inference = await open({ providers: ['webgpu'], gpuBatch: 3 });
    expect(inference.provider).toBe('webgpu');
    expect(inference.batchSize).toBe(3);
    const three = images(0.1, 3);
    three.fill(0.6, 256, 512);
    three.fill(0.9, 512);
    const classes = await inference.classify(three, 3);
    expect([classes[0], classes[256], classes[512], classes[767]]).toEqual([0, 2, 3, 3]);
  });

  test('yields to the CPU, with the reason, where it is the slower one', async () => {
    const inference = await open({ providers: ['webgpu', 'cpu'] });
    expect(inference.provider).toBe('cpu');
    expect(inference.findings[0]).toEqual({
      provider: 'webgpu',
      taken: false,
      reason: expect.stringMatching(/^works, but is slower than the CPU/),
    });
  });
});

test('without a Vulkan driver WebGPU is passed over with the reason of the runtime', async () => {
  const before = process.env['VK_ICD_FILENAMES'];
  process.env['VK_ICD_FILENAMES'] = '/nonexistent.json';
  try {
    const inference = await open({ providers: ['webgpu', 'cpu'] });
    expect(inference.provider).toBe('cpu');
    expect(inference.findings[0]).toMatchObject({ provider: 'webgpu', taken: false });
    expect(inference.findings[0]!.reason).toMatch(/adapter/i);
  } finally {
    if (before === undefined) delete process.env['VK_ICD_FILENAMES'];
    else process.env['VK_ICD_FILENAMES'] = before;
  }
});
