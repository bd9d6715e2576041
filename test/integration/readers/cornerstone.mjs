// What OHIF reads of a SEG: `node cornerstone.mjs MODULES SEG OUT SOURCE...` loads it with the cornerstone adapters of the
// node_modules folder MODULES against the source files, and writes a label map [slices, rows, columns], one byte a pixel,
// in the order of the source files and of their frames. Prints the segments as JSON.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [modules, segFile, out, ...sourceFiles] = process.argv.slice(2);
const adapters = path.resolve(modules, '@cornerstonejs/adapters/dist/esm/index.js');
const { adaptersSEG } = await import(pathToFileURL(adapters).href);
const { metaData } = await import(
  pathToFileURL(path.resolve(modules, '@cornerstonejs/core/dist/esm/index.js')).href
);
const { data } = createRequire(adapters)('dcmjs');

const buffer = (file) => Uint8Array.from(readFileSync(file)).buffer;
// dcmjs knows no ISO 2022 and would refuse the source; no text matters here.
const dataset = (file) =>
  data.DicomMetaDictionary.naturalizeDataset(
    data.DicomMessage.readFile(buffer(file), { ignoreErrors: true }).dict,
  );

/** Image id -> what the metadata provider of a viewer knows of it; an Enhanced CT has an image for each frame. */
const instances = new Map();
for (const file of sourceFiles) {
  const instance = dataset(file);
  const frames = instance.PerFrameFunctionalGroupsSequence;
  if (frames === undefined) instances.set(`raunet:${file}`, instance);
  else
    frames.forEach((frame, i) => {
      const [shared] = instance.SharedFunctionalGroupsSequence;
      const macros = Object.values({ ...shared, ...frame }).map((sequence) => sequence[0]);
      const flat = Object.assign({}, ...macros);
      instances.set(`raunet:${file}?frame=${i + 1}`, { ...instance, ...flat, frameNumber: i + 1 });
    });
}
const imageIds = [...instances.keys()];
const first = instances.get(imageIds[0]);

const metadata = {
  get(type, imageId) {
    const instance = instances.get(imageId);
    if (instance === undefined) return undefined;
    const { Rows: rows, Columns: columns, FrameOfReferenceUID: frameOfReferenceUID } = instance;
    const position = instance.ImagePositionPatient.map(Number);
    const orientation = instance.ImageOrientationPatient.map(Number);
    if (type === 'instance') return instance;
    if (type === 'generalImageModule') return { sopInstanceUID: instance.SOPInstanceUID };
    if (type === 'generalSeriesModule') return { seriesInstanceUID: instance.SeriesInstanceUID };
    if (type === 'frameNumber') return instance.frameNumber;
    if (type !== 'imagePlaneModule') return undefined;
    return {
      rows,
      columns,
      frameOfReferenceUID,
      imagePositionPatient: position,
      imageOrientationPatient: orientation,
      rowCosines: orientation.slice(0, 3),
      columnCosines: orientation.slice(3),
      rowPixelSpacing: Number(instance.PixelSpacing[0]),
      columnPixelSpacing: Number(instance.PixelSpacing[1]),
    };
  },
};

metaData.addProvider((type, imageId) => metadata.get(type, imageId));

const { createLabelmapsFromDICOMBuffer } = adaptersSEG.Cornerstone3D.Segmentation;
const result = await createLabelmapsFromDICOMBuffer(imageIds, buffer(segFile), metadata, {});
const { labelMapImages, overlappingSegments, segMetadata } = result;
const pixels = first.Rows * first.Columns;
const labels = new Uint8Array(imageIds.length * pixels);
for (const images of labelMapImages)
  images.forEach((image, k) => {
    const values = image.voxelManager?.getScalarData() ?? image.getPixelData();
    for (let i = 0; i < pixels; i++) if (values[i] !== 0) labels[k * pixels + i] = values[i];
  });
writeFileSync(out, labels);
const segments = segMetadata.data.filter(Boolean).map(({ SegmentNumber, SegmentLabel }) => ({
  number: Number(SegmentNumber),
  label: SegmentLabel,
}));
console.log(JSON.stringify({ overlapping: overlappingSegments, segments }));
