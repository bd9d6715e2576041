import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { data } from 'dcmjs';
import { PNG } from 'pngjs';
import type { Browser, Page } from 'playwright-core';
import { loadCodes, type Rgb } from '../../src/config/codes';
import { type FoundMasks, readSegmentation } from '../../src/demo/segmentation';
import { cieLab } from '../../src/result/common/cielab';
import { type Orthanc, startOrthanc } from '../fixtures/orthanc';
import { download, resultsArrived } from '../fixtures/pacs';
import { storescu } from '../fixtures/peer-tools';
import { makePhantom } from '../fixtures/phantom';
import { freePort } from '../fixtures/ports';
import { type Service, startService } from '../fixtures/service';
import { type Ohif, openBrowser, openStudy, serveOhif } from './ohif';
import { loadedSegmentation, loadSegmentation, showSlice } from './segmentation';

// What a radiologist sees: the phantom went through Orthanc and the service; its study is opened in OHIF.
jest.setTimeout(300_000);

const codes = loadCodes();
let folder: string;
let orthanc: Orthanc;
let service: Service;
let ohif: Ohif;
let browser: Browser;
let page: Page;
let found: FoundMasks;
const pageErrors: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'raunet-viewer-'));
  const raunetPort = await freePort();
  orthanc = await startOrthanc({ raunetPort });
  service = await startService({ dicomPort: raunetPort, pacsPort: orthanc.dicomPort });
  const { studyUid, directory } = await makePhantom(folder);
  await storescu(orthanc.dicomPort, 'ORTHANC', directory);
  const results = await resultsArrived(orthanc, studyUid, 3, 150);
  const seg = results.find(({ modality }) => modality === 'SEG');
  found = readSegmentation(await readFile(await download(orthanc, seg!, folder)));

  ohif = await serveOhif(orthanc.httpUrl);
  browser = await openBrowser();
  page = await browser.newPage({ viewport: { width: 1600, height: 800 } });
  page.on('pageerror', (error) => pageErrors.push(String(error)));
  await openStudy(page, ohif.origin, studyUid);
  await loadSegmentation(page);
});

afterAll(async () => {
  await browser?.close();
  await ohif?.stop();
  await service?.dispose();
  await orthanc?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

test('the SEG is loaded with three segments, named and coloured as we say', async () => {
  const { segments } = await loadedSegmentation(page);
  expect(segments.map(({ index, label }) => ({ index, label }))).toEqual(
    codes.classes.map(({ index, label }) => ({ index, label })),
  );
  // OHIF reads CIELab with the white of D65, the standard means D50 (PS3.3 C.10.7.1.1): up to 12 of 255 apart.
  const asOhifReads = (colour: Rgb): number[] =>
    data.Colors.dicomlab2RGB(cieLab(colour)).map((channel: number) => channel * 255);
  for (const [i, { colour }] of codes.classes.entries())
    for (const [channel, expected] of asOhifReads(colour).entries())
      expect(Math.abs(segments[i]!.colour[channel]! - expected)).toBeLessThanOrEqual(1);
});

test('the label map that OHIF draws is the mask of the SEG, voxel for voxel and slice for slice', async () => {
  const { labels } = await loadedSegmentation(page);
  expect(Object.keys(labels)).toHaveLength(60);
  let compared = 0;
  for (const [sopInstanceUid, voxels] of Object.entries(labels)) {
    const drawn = new Uint8Array(512 * 512);
    for (const [i, value] of voxels) drawn[i] = value;
    const mask = found.get(sopInstanceUid) ?? new Uint8Array(512 * 512);
    expect(Buffer.compare(drawn, mask)).toBe(0);
    compared += voxels.length;
  }
  expect(compared).toBeGreaterThan(1000);
});

test('the overlay lies where the mask lies: its colours on screen, pixel by pixel', async () => {
  // The slice with the most of the least class: all three are to be seen.
  const [sopInstanceUid, mask] = [...found].reduce((best, entry) =>
    richness(entry[1]) > richness(best[1]) ? entry : best,
  );
  const { canvas, at } = await showSlice(page, sopInstanceUid);
  const screen = PNG.sync.read(canvas);
  const counts = [0, 0, 0, 0];
  const right = [0, 0, 0, 0];
  for (let row = 4; row < 508; row += 1)
    for (let column = 4; column < 508; column += 1) {
      const value = mask[row * 512 + column]!;
      // Well inside one class or well outside all, so that smoothing at edges does not count.
      if (!uniform(mask, row, column)) continue;
      const [x, y] = at(column, row);
      if (x < 0 || y < 0 || x >= screen.width || y >= screen.height) continue;
      const pixel = (Math.round(y) * screen.width + Math.round(x)) * 4;
      counts[value]! += 1;
      if (tintOf([...screen.data.subarray(pixel, pixel + 3)]) === value) right[value]! += 1;
    }
  const share = counts.map((count, i) => right[i]! / count);
  expect(counts[0]).toBeGreaterThan(10_000);
  expect(share[0]).toBeGreaterThan(0.98);
  for (const value of [1, 2, 3].filter((each) => counts[each]! > 20))
    expect(share[value]).toBeGreaterThan(0.95);
  expect(counts[1]! + counts[2]! + counts[3]!).toBeGreaterThan(100);
  await page.screenshot({ path: process.env['KEEP_SCREENSHOT'] ?? join(folder, 'overlay.png') });
});

test('the SR opens and the study stays usable', async () => {
  await page.locator('[data-cy="study-browser-thumbnail-no-image"]', { hasText: 'SR' }).dblclick();
  await page.waitForTimeout(4000);
  await loadedSegmentation(page);
  await page.getByText('Phantom chest, lesions').first().dblclick();
  await page.waitForTimeout(2000);
  expect(await page.locator('.cornerstone-canvas').count()).toBeGreaterThan(0);
  expect(await page.getByText('Something went wrong').count()).toBe(0);
  expect(pageErrors).toEqual([]);
});

/** CT is grey, every tint is overlay: the class whose colour departs from grey in the same direction; 0, no tint. */
function tintOf(rgb: readonly number[]): number {
  const tint = chroma(rgb);
  const strength = Math.hypot(...tint);
  if (strength < 8) return 0;
  const likeness = codes.classes.map(({ colour }) => {
    const own = chroma(colour);
    return tint.reduce((sum, value, i) => sum + value * own[i]!, 0) / (strength * Math.hypot(...own));
  });
  return codes.classes[likeness.indexOf(Math.max(...likeness))]!.index;
}

const chroma = (rgb: readonly number[]): number[] => {
  const grey = rgb.reduce((sum, value) => sum + value, 0) / 3;
  return rgb.map((value) => value - grey);
};

const count = (mask: Uint8Array, value: number): number =>
  mask.reduce((sum, each) => sum + Number(each === value), 0);
const richness = (mask: Uint8Array): number => Math.min(...[1, 2, 3].map((value) => count(mask, value)));

function uniform(mask: Uint8Array, row: number, column: number): boolean {
  const value = mask[row * 512 + column];
  for (let r = -2; r <= 2; r += 1)
    for (let c = -2; c <= 2; c += 1) if (mask[(row + r) * 512 + column + c] !== value) return false;
  return true;
}
