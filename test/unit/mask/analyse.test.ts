import fc from 'fast-check';
import { upright } from '../../../src/lib/upright';
import { analyseMask } from '../../../src/mask/analyse';
import { findChest } from '../../../src/mask/lungs';
import { PADDING_HU } from '../../../src/volume/types';
import {
  ball,
  type Chest,
  type ChestOptions,
  chest,
  everyMm,
  type Lesion,
  lung,
  type Point,
  type Shape,
} from './chest';

jest.setTimeout(60_000);

/** As the pipeline does: looked at upright, the mask as the slices are stored. */
const analyse = async ({ volume: stored }: Chest, raw: readonly Uint8Array[]) => {
  const { volume, toUpright, toStored } = upright(stored);
  const { mask, ...found } = await analyseMask(volume, await findChest(volume), raw.map(toUpright));
  return { ...found, mask: mask.map(toStored) };
};
const analysed = async (options: ChestOptions = {}) => {
  const made = chest(options);
  return { made, ...(await analyse(made, made.raw())) };
};
const voxelsOf = (slices: readonly Uint8Array[], value: number) =>
  slices.reduce((sum, slice) => sum + slice.filter((each) => each === value).length, 0);
/** Within 3 %. */
const near = (value: number | null | undefined, truth: number) => {
  expect(value).toBeGreaterThan(0.97 * truth);
  expect(value).toBeLessThan(1.03 * truth);
};

const ggoRight: Lesion = { shape: ball([-80, 0, 30], 25), says: 1, hu: -550 };
/** Dense, and wide at the pleura of the left lung. */
const denseLeft: Lesion = {
  shape: (p) => ball([125, 15, -10], 32)(p) && lung.left(p),
  says: 2,
  hu: 30,
};
/** Pools behind the right lung, up to the ribs. */
const effusionRight: Lesion = {
  shape: (p) => p[1] > 48 && p[2] < 20 && lung.right(p),
  says: 3,
  hu: 8,
};
const disease = [ggoRight, denseLeft, effusionRight];

describe('lungs without lesions', () => {
  test('both are found with their volumes, nothing else is taken for lung', async () => {
    const { made, measurements } = await analysed();
    expect(measurements.lungGateReason).toBeNull();
    near(measurements.lungs!.right.volumeMl, made.millilitres(lung.right));
    near(measurements.lungs!.left.volumeMl, made.millilitres(lung.left));
    expect(measurements.lungs!.severityScore).toBe(0);
  });

  test('negative classes have volume 0 and no attenuation', async () => {
    const { measurements } = await analysed();
    for (const each of measurements.classes)
      expect(each).toMatchObject({ voxels: 0, volumeMl: 0, meanHu: null, sideMl: { right: 0, left: 0 } });
  });

  test('at fine pixels the mask is made of blocks, with the same volumes', async () => {
    const { made, measurements } = await analysed({
      rows: 372,
      columns: 440,
      spacingMm: 0.83,
      distancesMm: everyMm(20),
    });
    near(measurements.lungs!.right.volumeMl, made.millilitres(lung.right));
    near(measurements.lungs!.left.volumeMl, made.millilitres(lung.left));
  });

  test('lungs fused at the front are parted again', async () => {
    const bridge: Lesion = {
      shape: ([x, y, z]) => Math.abs(x) < 32 && y > -62 && y < -54 && z > 15 && z < 75,
      says: 0,
      hu: -850,
    };
    const { made, measurements } = await analysed({ lesions: [bridge] });
    expect(measurements.lungGateReason).toBeNull();
    near(
      measurements.lungs!.right.volumeMl,
      made.millilitres(lung.right) + made.millilitres(bridge.shape) / 2,
    );
    near(measurements.lungs!.left.volumeMl, made.millilitres(lung.left) + made.millilitres(bridge.shape) / 2);
  });
});

test('gas in the stomach that touches the left lung through the diaphragm is no lung', async () => {
  const gas: Lesion = {
    shape: (p) =>
      ball([70, -20, -136], 24)(p) || (Math.hypot(p[0] - 70, p[1] + 20) < 5 && p[2] < -90 && p[2] > -118),
    says: 0,
    hu: -1000,
  };
  const { made, measurements } = await analysed({ lesions: [gas], distancesMm: everyMm(6, -170, 140) });
  expect(made.millilitres(gas.shape)).toBeGreaterThan(50);
  near(measurements.lungs!.left.volumeMl, made.millilitres(lung.left));
});

describe('a chest with ground glass on the right, consolidation on the left, effusion on the right', () => {
  test('no lesion voxel is lost or changed', async () => {
    const { made, mask } = await analysed({ lesions: disease });
    const truth = made.raw();
    for (const value of [1, 2, 3])
      expect(voxelsOf(mask, value)).toBeGreaterThan(0.99 * voxelsOf(truth, value));
    expect(mask.every((slice, k) => slice.every((value, i) => value === 0 || value === truth[k]![i]))).toBe(
      true,
    );
  });

  test('volumes, sides and attenuation are those of the truth', async () => {
    const { made, measurements } = await analysed({ lesions: disease });
    const [ggo, dense, effusion] = measurements.classes;
    near(ggo.volumeMl, made.millilitres(ggoRight.shape));
    near(dense.volumeMl, made.millilitres(denseLeft.shape));
    near(effusion.volumeMl, made.millilitres(effusionRight.shape));
    expect(ggo.sideMl).toEqual({ right: ggo.volumeMl, left: 0 });
    expect(dense.sideMl).toEqual({ right: 0, left: dense.volumeMl });
    expect(effusion.sideMl).toEqual({ right: effusion.volumeMl, left: 0 });
    expect(ggo.meanHu).toBeCloseTo(-550, -1);
    expect(dense.meanHu).toBeCloseTo(30, -1);
    expect(effusion.meanHu).toBeCloseTo(8, -1);
  });

  test('the lung includes its lesions and excludes effusion; effusion has no percentage', async () => {
    const { made, measurements } = await analysed({ lesions: disease });
    const lungs = measurements.lungs!;
    near(
      lungs.right.volumeMl,
      made.millilitres((p) => lung.right(p) && !effusionRight.shape(p)),
    );
    near(lungs.left.volumeMl, made.millilitres(lung.left));
    near(lungs.right.affectedPercent, (100 * made.millilitres(ggoRight.shape)) / lungs.right.volumeMl);
    near(lungs.left.affectedPercent, (100 * made.millilitres(denseLeft.shape)) / lungs.left.volumeMl);
    near(
      measurements.classes[0].percentOfLung,
      (100 * made.millilitres(ggoRight.shape)) / lungs.total.volumeMl,
    );
    expect(measurements.classes[2].percentOfLung).toBeNull();
  });

  let asStored: ReturnType<typeof analysed> | undefined;
  test.each<[string, number[]]>([
    ['mirrored columns', [-1, 0, 0, 0, 1, 0]],
    ['mirrored rows', [1, 0, 0, 0, -1, 0]],
    ['prone', [-1, 0, 0, 0, -1, 0]],
    ['rows and columns exchanged', [0, 1, 0, 1, 0, 0]],
  ])('right stays right and apex stays apex with %s', async (_, orientation) => {
    const options = { rows: 100, columns: 100, lesions: disease, distancesMm: everyMm(6, -156, 156) };
    asStored ??= analysed(options);
    const expected = (await asStored).measurements;
    const turned = (await analysed({ ...options, orientation })).measurements;
    expect(turned.lungGateReason).toBeNull();
    for (const side of ['right', 'left'] as const) {
      near(turned.lungs![side].volumeMl, expected.lungs![side].volumeMl);
      near(turned.lungs![side].affectedPercent, expected.lungs![side].affectedPercent);
      expect(turned.lungs![side].zoneScores).toEqual(expected.lungs![side].zoneScores);
    }
    near(turned.classes[2].sideMl!.right, expected.classes[2].volumeMl);
  });

  test.each<[string, number[]]>([
    ['upright', [1, 0, 0, 0, 1, 0]],
    ['with the couch below', [0, -1, 0, 1, 0, 0]],
  ])(
    'of a patient on the left side, stored %s, the couch at the left side is no lung',
    async (_, orientation) => {
      const { made, measurements } = await analysed({
        patientPosition: 'HFDL',
        orientation,
        rows: 112,
        columns: 112,
        lesions: disease,
        distancesMm: everyMm(6, -260, 140),
      });
      expect(measurements.lungGateReason).toBeNull();
      near(measurements.lungs!.left.volumeMl, made.millilitres(lung.left));
      near(measurements.classes[1].sideMl!.left, made.millilitres(denseLeft.shape));
    },
  );

  test('a gantry tilt changes neither volumes nor sides', async () => {
    const tilted = { lesions: disease, orientation: [1, 0, 0, 0, Math.cos(0.21), Math.sin(0.21)] };
    const { made, measurements } = await analysed({ ...tilted, distancesMm: everyMm(6, -160, 160) });
    near(
      measurements.lungs!.right.volumeMl,
      made.millilitres((p) => lung.right(p) && !effusionRight.shape(p)),
    );
    near(measurements.lungs!.left.volumeMl, made.millilitres(lung.left));
    near(measurements.classes[2].sideMl!.right, made.millilitres(effusionRight.shape));
    near(measurements.classes[1].sideMl!.left, made.millilitres(denseLeft.shape));
  });

  test('uneven slice distances weigh each slice by its own extent', async () => {
    const uneven = everyMm(2.5).filter((d, k) => d < 0 || k % 4 === 0);
    const { made, measurements } = await analysed({ lesions: disease, distancesMm: uneven });
    near(measurements.lungs!.left.volumeMl, made.millilitres(lung.left));
    near(measurements.classes[2].volumeMl, made.millilitres(effusionRight.shape));
  });

  test('padding inside a lesion is out of its attenuation', async () => {
    const made = chest({ lesions: disease });
    const raw = made.raw();
    const k = raw.findIndex((slice) => slice.includes(1)) + 2;
    raw[k]!.forEach((value, i) => {
      if (value === 1 && i % 2 === 0) made.volume.huSlice(k)[i] = PADDING_HU;
    });
    const { measurements } = await analyse(made, raw);
    expect(measurements.classes[0].meanHu).toBeCloseTo(-550, -1);
  });
});

describe('what cannot be a lesion is taken away, by rule', () => {
  const cases: [string, keyof Awaited<ReturnType<typeof analyseMask>>['removedMl'], Lesion][] = [
    ['the couch', 'outsideBody', { shape: ball([60, 121, 0], 14), says: 2 }],
    ['room air', 'outsideBody', { shape: ball([-150, -120, 0], 14), says: 1 }],
    ['the spine', 'boneOrContrast', { shape: ball([0, 78, 0], 12), says: 2 }],
    [
      'the trachea',
      'airway',
      { shape: ([x, y, z]: Point) => x ** 2 + y ** 2 < 40 && z > 40 && z < 80, says: 1 },
    ],
    ['the back muscles, ground glass', 'chestWall', { shape: ball([-60, 98, 0], 5), says: 1 }],
    ['the back muscles, effusion', 'chestWall', { shape: ball([60, 97, 0], 5), says: 3 }],
    ['the heart', 'awayFromLung', { shape: ball([0, -25, -40], 10), says: 2 }],
    ['the abdomen', 'awayFromLung', { shape: ball([-20, 10, -118], 9), says: 3 }],
  ];
  test.each(cases)('%s: %s', async (_, rule, lesion) => {
    const { made, mask, removedMl } = await analysed({ lesions: [lesion] });
    const said = voxelsOf(made.raw(), lesion.says);
    expect(said).toBeGreaterThan(0);
    expect(voxelsOf(mask, lesion.says)).toBeLessThanOrEqual(0.05 * said);
    expect(removedMl[rule]).toBeGreaterThan(0.5 * made.millilitres(lesion.shape));
  });

  test('a speck of less than 64 mm3 in the lung: speck; one of more stays', async () => {
    const [speck, spot]: Lesion[] = [
      { shape: ball([-79.2, 0, 28], 1.5), says: 1 },
      { shape: ball([-80, 30, 30], 6), says: 1 },
    ];
    const fine = { rows: 140, columns: 160, spacingMm: 2.2, distancesMm: everyMm(6) };
    const { made, mask, removedMl } = await analysed({ ...fine, lesions: [speck!, spot!] });
    expect(made.millilitres(speck!.shape)).toBeLessThan(0.064);
    expect(removedMl.speck).toBeCloseTo(made.millilitres(speck!.shape), 6);
    expect(removedMl.speck).toBeGreaterThan(0);
    expect(voxelsOf(mask, 1)).toBe(voxelsOf(chest({ ...fine, lesions: [spot!] }).raw(), 1));
  });

  test('ground glass that is nowhere 6 mm thick, a vessel or a blurred rim: thin; thicker stays', async () => {
    const vessel: Lesion = {
      shape: ([x, y, z]) => Math.abs(y) < 1.6 && x < -50 && x > -110 && Math.abs(z - 20) < 20,
      says: 2,
    };
    const patch: Lesion = { shape: ball([-80, 40, 20], 8), says: 1 };
    const fine = { rows: 168, columns: 200, spacingMm: 1.8, distancesMm: everyMm(6) };
    const { made, mask, removedMl } = await analysed({ ...fine, lesions: [vessel, patch] });
    expect(voxelsOf(mask, 2)).toBe(0);
    expect(removedMl.thin).toBeCloseTo(made.millilitres(vessel.shape), 6);
    expect(removedMl.thin).toBeGreaterThan(1);
    expect(voxelsOf(mask, 1)).toBe(voxelsOf(made.raw(), 1));
  });

  test('less than 6 mm high, in one slice of 5 mm: thin; in two it stays', async () => {
    const disc = (y: number, high: number): Shape => {
      const wide = ball([-80, y, 20], 12);
      return ([x, at, z]) => Math.abs(z - 20) < high / 2 && wide([x, at, 20]);
    };
    const [flat, high]: Lesion[] = [
      { shape: disc(0, 5), says: 1 },
      { shape: disc(45, 11), says: 2 },
    ];
    const { made, mask, removedMl } = await analysed({ distancesMm: everyMm(5), lesions: [flat!, high!] });
    expect(removedMl.thin).toBeCloseTo(made.millilitres(flat!.shape), 6);
    expect(removedMl.thin).toBeGreaterThan(1);
    expect([voxelsOf(mask, 1), voxelsOf(mask, 2)]).toEqual([0, voxelsOf(made.raw(), 2)]);
  });

  test.each<[string, number[]]>([
    ['three slices of 1.25 mm', everyMm(1.25, 19, 21.5)],
    ['five slices of 1 mm', everyMm(1, 18, 22)],
    ['one slice of 5 mm', [20]],
  ])('in %s a patch may be higher than the scan: it stays', async (_, distancesMm) => {
    const ggo: Lesion = { shape: ball([-80, 0, 20], 25), says: 1, hu: -550 };
    const pool: Lesion = { shape: ball([80, 40, 20], 25), says: 3, hu: 8 };
    const { made, measurements } = await analysed({ distancesMm, lesions: [ggo, pool] });
    near(measurements.classes[0].volumeMl, made.millilitres(ggo.shape));
    near(measurements.classes[2].volumeMl, made.millilitres(pool.shape));
  });

  test('3 mm high: thin amid seven slices of 1 mm; at either end of them it may go on and stays', async () => {
    const disc = (y: number, z: number): Lesion => ({
      shape: (p) => Math.abs(p[2] - z) < 1.5 && ball([-80, y, z], 12)([p[0], p[1], z]),
      says: 1,
    });
    const ends = [disc(-40, 18), disc(40, 22)];
    const thin = { distancesMm: everyMm(1, 17, 23) };
    const { made, mask, removedMl } = await analysed({ ...thin, lesions: [...ends, disc(0, 20)] });
    expect(mask).toEqual(chest({ ...thin, lesions: ends }).raw());
    expect(removedMl.thin).toBeCloseTo(made.millilitres(disc(0, 20).shape), 6);
    expect(removedMl.thin).toBeGreaterThan(1);
  });

  test('effusion of less than a millilitre: speck; more stays', async () => {
    const [speck, pool]: Lesion[] = [
      { shape: ball([-80, 50, 20], 5.5), says: 3 },
      { shape: ball([80, 50, 20], 9), says: 3 },
    ];
    const fine = { rows: 140, columns: 160, spacingMm: 2.2, distancesMm: everyMm(4) };
    const { made, mask, removedMl } = await analysed({ ...fine, lesions: [speck!, pool!] });
    expect(removedMl.speck).toBeCloseTo(made.millilitres(speck!.shape), 6);
    expect(removedMl.speck).toBeGreaterThan(0.5);
    expect(voxelsOf(mask, 3)).toBe(voxelsOf(chest({ ...fine, lesions: [pool!] }).raw(), 3));
  });

  test('voxels are only ever taken away: none is added, none changes its class', async () => {
    const anyShape = fc
      .tuple(
        fc.integer({ min: -150, max: 150 }),
        fc.integer({ min: -120, max: 130 }),
        fc.integer({ min: -140, max: 140 }),
        fc.integer({ min: 3, max: 60 }),
      )
      .map(([x, y, z, radius]): Shape => ball([x, y, z], radius));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ shape: anyShape, says: fc.constantFrom(1 as const, 2 as const, 3 as const) }), {
          maxLength: 4,
        }),
        async (lesions) => {
          const made: Chest = chest({
            lesions,
            rows: 60,
            columns: 70,
            spacingMm: 5.2,
            distancesMm: everyMm(20),
          });
          const { mask } = await analyse(made, made.raw());
          const truth = made.raw();
          expect(
            mask.every((slice, k) => slice.every((value, i) => value === 0 || value === truth[k]![i])),
          ).toBe(true);
        },
      ),
      { numRuns: 15 },
    );
  });
});

describe('percentages are left out, with a reason', () => {
  const expectNoPercentages = (
    measurements: Awaited<ReturnType<typeof analyseMask>>['measurements'],
    reason: RegExp,
  ) => {
    expect(measurements.lungGateReason).toMatch(reason);
    expect(measurements.lungs).toBeNull();
    expect(measurements.classes.map((each) => each.percentOfLung)).toEqual([null, null, null]);
  };

  test('when one lung is white: volumes are still given', async () => {
    const whiteLeft: Lesion = { shape: lung.left, says: 3, hu: 15 };
    const { made, measurements } = await analysed({ lesions: [whiteLeft] });
    expectNoPercentages(measurements, /Two aerated lungs/);
    near(measurements.classes[2].volumeMl, made.millilitres(lung.left));
    expect(measurements.classes[2].sideMl).toBeNull();
  });

  test('when most of one lung is collapsed', async () => {
    const collapsed: Lesion = { shape: (p) => lung.left(p) && p[2] < 35, says: 0, hu: 40 };
    const { measurements } = await analysed({ lesions: [collapsed] });
    expectNoPercentages(measurements, /One lung was found much smaller/);
  });

  test('when consolidation and effusion at the pleura hide where the lungs end', async () => {
    const flooded: Lesion = { shape: (p) => (lung.left(p) || lung.right(p)) && p[1] > 12, says: 2, hu: 35 };
    const { measurements } = await analysed({ lesions: [flooded] });
    expectNoPercentages(measurements, /at the pleura/);
  });

  test('when the scan ends amid the lungs', async () => {
    const { measurements } = await analysed({ distancesMm: everyMm(6, -20, 140) });
    expectNoPercentages(measurements, /ends amid the lungs/);
  });

  test('when a lung is bitten by dense parts at the pleura', async () => {
    const bite: Lesion = { shape: ([x, y]) => Math.abs(x) > 55 && Math.abs(y) < 46, says: 0, hu: 40 };
    const { measurements } = await analysed({ lesions: [bite] });
    expectNoPercentages(measurements, /fills only \d+ % of its outline/);
  });

  test('when there is no lung at all', async () => {
    const { measurements } = await analysed({ lesions: [{ shape: () => true, says: 0, hu: 40 }] });
    expectNoPercentages(measurements, /Two aerated lungs/);
  });
});
