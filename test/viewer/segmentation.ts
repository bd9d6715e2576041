import type { Page } from 'playwright-core';

/** What OHIF holds of the segmentation, read from its own services. */
export interface LoadedSegmentation {
  segments: { index: number; label: string; colour: number[] }[];
  /** By SOP Instance UID of the CT: index and label of every voxel that is not 0. */
  labels: Record<string, [number, number][]>;
}

/** Loads the SEG as a reader would: double click in the list, confirm. */
export async function loadSegmentation(page: Page): Promise<void> {
  await page.locator('[data-cy="study-browser-thumbnail-no-image"]', { hasText: 'SEG' }).dblclick();
  // Confirmed only when it is there: confirmed at once, OHIF stayed at its preview in one run of many.
  await page.waitForFunction(
    'window.services.segmentationService.getSegmentations().length > 0 && !document.body.innerText.includes("Loading SEG")',
    undefined,
    { timeout: 60_000 },
  );
  await page.getByRole('button', { name: 'Yes' }).click({ timeout: 60_000 });
  await page.waitForFunction(
    `(() => {
      const { segmentationService, viewportGridService } = window.services;
      const [{ segmentationId }] = segmentationService.getSegmentations();
      return segmentationService.getSegmentColor(viewportGridService.getState().activeViewportId, segmentationId, 1);
    })()`,
    undefined,
    { timeout: 60_000 },
  );
}

/** These run in the page, where OHIF's globals are; it has no types for them. */
export const loadedSegmentation = (page: Page): Promise<LoadedSegmentation> =>
  page.evaluate(`(() => {
    const { segmentationService, viewportGridService } = window.services;
    const [segmentation] = segmentationService.getSegmentations();
    const viewport = viewportGridService.getState().activeViewportId;
    const segments = Object.values(segmentation.segments).map(({ segmentIndex, label }) => ({
      index: segmentIndex,
      label,
      colour: Array.from(segmentationService.getSegmentColor(viewport, segmentation.segmentationId, segmentIndex)).slice(0, 3),
    }));
    const labels = {};
    for (const imageId of segmentation.representationData.Labelmap.imageIds) {
      const image = window.cornerstone.cache.getImage(imageId);
      const source = /instances\\/([0-9.]+)/.exec(image.referencedImageId)[1];
      const voxels = [];
      image.voxelManager.getScalarData().forEach((value, i) => value > 0 && voxels.push([i, value]));
      labels[source] = voxels;
    }
    return { segments, labels };
  })()`);

/** Scrolls to the image and returns its canvas as PNG, with where a pixel (column, row) of the image lies on it. */
export async function showSlice(
  page: Page,
  sopInstanceUid: string,
): Promise<{ canvas: Buffer; at: (column: number, row: number) => [number, number] }> {
  const map = (await page.evaluate(`(async () => {
    const id = window.services.viewportGridService.getState().activeViewportId;
    const viewport = window.services.cornerstoneViewportService.getCornerstoneViewport(id);
    const imageIds = viewport.getImageIds();
    const index = imageIds.findIndex((imageId) => imageId.includes('${sopInstanceUid}'));
    if (viewport.setImageIdIndex) await viewport.setImageIdIndex(index);
    else viewport.setViewReference(viewport.getViewReference({ sliceIndex: index }));
    viewport.render();
    await new Promise((done) => setTimeout(done, 2500));
    const { position, rows, columns, spacing, x, y } = (() => {
      const plane = window.cornerstone.metaData.get('imagePlaneModule', imageIds[index]);
      return {
        position: plane.imagePositionPatient,
        spacing: [plane.columnPixelSpacing, plane.rowPixelSpacing],
        x: plane.rowCosines, y: plane.columnCosines, rows: plane.rows, columns: plane.columns,
      };
    })();
    const world = (column, row) => [0, 1, 2].map((i) => position[i] + x[i] * column * spacing[0] + y[i] * row * spacing[1]);
    const corner = (column, row) => Array.from(viewport.worldToCanvas(world(column, row)));
    return { origin: corner(0, 0), right: corner(columns - 1, 0), down: corner(0, rows - 1), columns, rows, element: viewport.element.dataset.viewportUid };
  })()`)) as Record<'origin' | 'right' | 'down', [number, number]> & {
    columns: number;
    rows: number;
    element: string;
  };
  const canvas = await page.locator(`[data-viewport-uid="${map.element}"] canvas`).first().screenshot();
  const { origin, right, down, columns, rows } = map;
  return {
    canvas,
    at: (column, row) => [
      origin[0] +
        ((right[0] - origin[0]) * column) / (columns - 1) +
        ((down[0] - origin[0]) * row) / (rows - 1),
      origin[1] +
        ((right[1] - origin[1]) * column) / (columns - 1) +
        ((down[1] - origin[1]) * row) / (rows - 1),
    ],
  };
}
