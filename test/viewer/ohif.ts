import { createReadStream } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import { resolve } from 'node:path';
import express from 'express';
import { type Browser, chromium, type Page } from 'playwright-core';

const BUILT = resolve('.cache/ohif-3.13.2/dist');

export interface Ohif {
  origin: string;
  stop(): Promise<void>;
}

/** The built OHIF with deploy/ohif/app-config.js, and the DICOMweb of an Orthanc on the same origin. */
export async function serveOhif(orthancUrl: string): Promise<Ohif> {
  const app = express();
  const orthanc = new URL(orthancUrl);
  app.use(['/dicom-web', '/wado'], (incoming, outgoing) => {
    const onward = request(
      {
        host: orthanc.hostname,
        port: orthanc.port,
        path: incoming.originalUrl,
        method: incoming.method,
        headers: { ...incoming.headers, host: incoming.headers.host },
      },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      },
    );
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  });
  app.use((_request, response, next) => {
    response.set({
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Embedder-Policy': 'require-corp',
    });
    next();
  });
  app.get('/app-config.js', (_request, response) => {
    createReadStream('deploy/ohif/app-config.js').pipe(response.type('js'));
  });
  app.use(express.static(BUILT));
  app.use((_request, response) => response.sendFile('index.html', { root: BUILT }));
  const server: Server = createServer(app);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  return {
    origin: `http://127.0.0.1:${port}`,
    stop: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

/** Debian's chromium, WebGL by SwiftShader, without its calls home. */
export const openBrowser = (): Promise<Browser> =>
  chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--use-gl=angle',
      '--use-angle=swiftshader',
      '--enable-unsafe-swiftshader',
      '--ignore-gpu-blocklist',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });

/** Opens a study in OHIF's segmentation mode and waits for its first picture. */
export async function openStudy(page: Page, origin: string, studyUid: string): Promise<void> {
  await page.goto(`${origin}/segmentation?StudyInstanceUIDs=${studyUid}`);
  await page.getByText('Confirm and hide').click({ timeout: 60_000 });
  await page.locator('.cornerstone-canvas').first().waitFor({ timeout: 60_000 });
  // The player that comes with the summary page lies over the pictures.
  await page.evaluate('window.services.cineService.setIsCineEnabled(false)');
}
