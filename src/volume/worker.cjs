// A disposable thread that decodes one code stream at a time. Plain JavaScript: a worker is loaded by path, from dist/
// and from src/ alike, and nothing compiles it. Bad streams may throw, spoil the heap of the WebAssembly module or
// never end: after any of these decoder.ts throws the whole thread away.
const { parentPort } = require('node:worker_threads');
const { Context, NativeCodecs, log } = require('dcmjs-codecs');

const METHOD = {
  rle: 'decodeRle',
  jpeg: 'decodeJpeg',
  jpegLs: 'decodeJpegLs',
  jpeg2000: 'decodeJpeg2000',
  htj2k: 'decodeHtJpeg2000',
};

const ready = NativeCodecs.initializeAsync({ logCodecsInfo: true });
// libjpeg fills what is missing of a damaged stream with grey and only mentions it.
let complaint = null;
log.info = (...words) => {
  const text = words.join(' ');
  if (/corrupt|premature/i.test(text)) complaint ??= text;
};

parentPort.on('message', async (job) => {
  try {
    await ready;
    complaint = null;
    const context = new Context({
      width: job.columns,
      height: job.rows,
      bitsAllocated: job.bitsAllocated,
      bitsStored: job.bitsStored,
      samplesPerPixel: 1,
      pixelRepresentation: job.pixelRepresentation,
      planarConfiguration: 0,
      photometricInterpretation: 'MONOCHROME2',
      encodedBuffer: job.encoded,
    });
    // A copy: the decoded bytes lie in the heap of the module.
    const decoded = new Uint8Array(NativeCodecs[METHOD[job.codec]](context).getDecodedBuffer());
    if (complaint !== null) throw new Error(complaint);
    parentPort.postMessage({ decoded }, [decoded.buffer]);
  } catch (error) {
    parentPort.postMessage({ error: error instanceof Error ? error.message : String(error) });
  }
});
