import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { parse, parseAllDocuments } from 'yaml';
import { loadConfig } from '../../src/config/load';
import type { Config } from '../../src/config/schema';
import { readDockerfile } from '../fixtures/dockerfile';
import { startNginx } from '../fixtures/nginx';
import { startOrthanc } from '../fixtures/orthanc';

// What lies in deploy/, held against the code, against each other and against the programs that read it.

jest.setTimeout(120_000);

const read = (file: string) => readFileSync(join('deploy', file), 'utf8');
const compose = parse(read('compose.yaml'));
const orthanc = JSON.parse(read('orthanc/orthanc.json'));

/** The modality that the routing rule sends to. */
const [routedAe, routedHost, routedPort] = orthanc.DicomModalities.raunet;

function agreesWithOrthanc({ association, delivery }: Config, serviceName: string): void {
  expect([association.aeTitle, association.port]).toEqual([routedAe, routedPort]);
  expect(routedHost).toBe(serviceName);
  expect(association.host).toBe('0.0.0.0');
  expect(association.allow.map(({ callingAe }) => callingAe)).toEqual([orthanc.DicomAet]);
  expect(delivery.destinations.map(({ aeTitle, host, port }) => [aeTitle, host, port])).toEqual([
    [orthanc.DicomAet, 'orthanc', orthanc.DicomPort],
  ]);
}

describe('compose.yaml', () => {
  test('each file that it builds from or mounts is in the repository', () => {
    const files = Object.values<{ build?: { context: string; dockerfile?: string }; volumes?: string[] }>(
      compose.services,
    ).flatMap(({ build, volumes = [] }) => [
      ...(build?.dockerfile ? [join('deploy', build.context, build.dockerfile)] : []),
      ...volumes.filter((each) => each.startsWith('.')).map((each) => join('deploy', each.split(':')[0]!)),
    ]);
    expect(files.length).toBeGreaterThan(4);
    expect(files.filter((file) => !existsSync(file))).toEqual([]);
  });

  test('its configuration loads with its environment and agrees with orthanc.json in AE titles, hosts and ports', () => {
    const { environment } = compose.services.raunet;
    const config = loadConfig('deploy/raunet.compose.yaml', {
      ...readDockerfile('deploy/Dockerfile').image.environment,
      ...environment,
    });
    agreesWithOrthanc(config, 'raunet');
    expect(config.dataDir).toBe('/data');
    expect(config.database.url).toBe(environment.DATABASE_URL);
    expect(config.audit.name).toBe('raunet');
  });

  test('the service has a read-only root, no capability and no way to gain one', () => {
    const { raunet } = compose.services;
    expect([raunet.read_only, raunet.cap_drop, raunet.security_opt]).toEqual([
      true,
      ['ALL'],
      ['no-new-privileges:true'],
    ]);
  });

  test('the service is told the time zone that results and upkeep are in', () => {
    const { TZ } = compose.services.raunet.environment;
    expect(['UTC', ...Intl.supportedValuesOf('timeZone')]).toContain(TZ);
  });

  test('every port that it opens is for this machine only; the dashboard is one of them, over TLS and for tokens only', () => {
    const services = Object.values<{ ports?: string[] }>(compose.services);
    const ports = services.flatMap((service) => service.ports ?? []);
    expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
    const { admin } = loadConfig('deploy/raunet.compose.yaml');
    expect(compose.services.raunet.ports).toEqual([`127.0.0.1:${admin.port}:${admin.port}`]);
    expect([admin.host, admin.authentication]).toEqual(['0.0.0.0', 'required']);
    const { certificate } = compose.services;
    const [folder] = certificate.volumes.map((each: string) => each.split(':')[1]);
    expect(Object.values(admin.tls!).map((file) => dirname(file))).toEqual([folder, folder]);
    expect(compose.services.raunet.volumes).toContain(`certificate:${folder}:ro`);
    expect(compose.services.raunet.depends_on.certificate.condition).toBe('service_completed_successfully');
  });

  test('services, volumes and credentials that it refers to are there', () => {
    const { raunet, database, orthanc: pacs, ohif } = compose.services;
    const url = new URL(raunet.environment.DATABASE_URL);
    const { POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB } = database.environment;
    expect([url.hostname, url.username, url.password, url.pathname]).toEqual([
      'database',
      POSTGRES_USER,
      POSTGRES_PASSWORD,
      `/${POSTGRES_DB}`,
    ]);
    expect(pacs.ports).toContain(`127.0.0.1:${orthanc.DicomPort}:${orthanc.DicomPort}`);
    expect(pacs.volumes).toContain(`orthanc:${orthanc.StorageDirectory}`);
    expect(pacs.volumes.map((each: string) => each.split(':')[1])).toContain(orthanc.LuaScripts[0]);
    expect(ohif.ports).toEqual([expect.stringMatching(/:80$/)]);
    expect(Object.keys(compose.volumes).sort()).toEqual(['certificate', 'database', 'orthanc', 'raunet']);
  });
});

describe.each(['Dockerfile', 'Dockerfile.cuda'])('%s', (name) => {
  const { image, contextSources } = readDockerfile(join('deploy', name));

  test('copies only what is there, and all that the service reads at run time', () => {
    const missing = [...contextSources, ...image.copies.keys()].filter((source) => !existsSync(source));
    expect(missing).toEqual([]);
    expect([...image.copies.keys()].sort()).toEqual(['conf', 'dist', 'node_modules', 'onnx', 'package.json']);
  });

  test('starts the service on the data folder of its volume, as another user than root, with the ports of the defaults', () => {
    const [node, main, command, option, file] = image.command;
    expect([node, main, command, option]).toEqual(['node', 'dist/main.js', 'serve', '--config']);
    const config = loadConfig(file!, image.environment);
    expect(config.dataDir).toBe(image.volume);
    expect(image.ports).toEqual([config.association.port]);
    expect(image.healthcheck).toEqual([node, main, 'health', option, file]);
    expect(image.user).not.toBe('root');
  });
});

describe('kubernetes.yaml', () => {
  const documents = parseAllDocuments(read('kubernetes.yaml')).map((document) => {
    expect(document.errors).toEqual([]);
    return document.toJS();
  });
  const { image } = readDockerfile('deploy/Dockerfile');
  const find = (kind: string) => documents.find((document) => document.kind === kind);
  const pod = find('Deployment').spec.template.spec;
  const [container] = pod.containers;

  test('its configuration loads with the environment of image and Secret, and agrees with orthanc.json', () => {
    const folder = mkdtempSync(join(tmpdir(), 'raunet-kubernetes-'));
    try {
      const file = join(folder, 'raunet.yaml');
      writeFileSync(file, find('ConfigMap').data['raunet.yaml']);
      const config = loadConfig(file, { ...image.environment, ...find('Secret').stringData });
      agreesWithOrthanc(config, find('Service').metadata.name);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('ports, probes and writable paths are those of the image; root is read-only and the user ordinary', () => {
    const ports = container.ports.map(({ containerPort }: { containerPort: number }) => containerPort);
    expect(ports).toEqual(image.ports);
    expect(find('Service').spec.ports[0]).toMatchObject({ port: image.ports[0], targetPort: 'dicom' });
    expect(container.livenessProbe.exec.command).toEqual(image.healthcheck);
    expect(container.startupProbe.exec.command).toEqual(image.healthcheck);
    expect(container.readinessProbe.exec.command).toEqual([...image.healthcheck, '--ready']);
    const mounts = container.volumeMounts.map(({ mountPath }: { mountPath: string }) => mountPath);
    expect(mounts).toEqual([image.volume, '/tmp', join(image.workdir, image.command.at(-1)!)]);
    expect(container.securityContext.readOnlyRootFilesystem).toBe(true);
    expect(pod.securityContext.runAsUser).toBeGreaterThan(0);
    // Variables of the Service would be named like those of the configuration.
    expect(pod.enableServiceLinks).toBe(false);
  });

  test('the pod and what it refers to find each other by name and label; only one holds the volume', () => {
    const { spec } = find('Deployment');
    expect(spec.selector.matchLabels).toEqual(spec.template.metadata.labels);
    expect(find('Service').spec.selector).toEqual(spec.template.metadata.labels);
    expect([spec.replicas, spec.strategy.type]).toEqual([1, 'Recreate']);
    const names = new Map(documents.map(({ kind, metadata }) => [kind, metadata.name]));
    expect(container.env).toEqual([
      { name: 'TZ', value: compose.services.raunet.environment.TZ },
      { name: 'RAUNET_AUDIT_NAME', value: 'raunet' },
    ]);
    expect(container.envFrom).toEqual([{ secretRef: { name: names.get('Secret') } }]);
    expect(pod.volumes).toEqual([
      { name: 'data', persistentVolumeClaim: { claimName: names.get('PersistentVolumeClaim') } },
      { name: 'tmp', emptyDir: {} },
      { name: 'config', configMap: { name: names.get('ConfigMap') } },
    ]);
  });
});

describe('systemd/', () => {
  test('systemd-analyze finds nothing wrong, and the one configuration of unit and commands has the data folder that the unit may write', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'raunet-unit-'));
    try {
      const unit = read('systemd/raunet.service');
      const file = join(folder, 'raunet.service');
      // Node may lie elsewhere on this machine.
      writeFileSync(file, unit.replace('/usr/bin/node', process.execPath));
      const { stdout, stderr } = await promisify(execFile)('systemd-analyze', ['verify', '--man=no', file]);
      const findings = `${stdout}${stderr}`.split('\n').filter((line) => line.includes('raunet.service'));
      expect(findings).toEqual([]);
      const environment = Object.fromEntries(
        [...unit.matchAll(/^Environment=(\w+)=(.*)$/gm)].map(([, name, value]) => [name!, value!]),
      );
      const state = /^StateDirectory=(.*)$/m.exec(unit)?.[1];
      expect(environment).toEqual({ NODE_ENV: 'production', RAUNET_CONFIG: '/etc/raunet/raunet.yaml' });
      expect(loadConfig('deploy/systemd/raunet.yaml', environment).dataDir).toBe(`/var/lib/${state}`);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  // A command with other settings than the service works on another, empty database.
  test('the wrapper runs any command with the program, the user and the configuration of the unit', () => {
    const [unit, wrapper] = [read('systemd/raunet.service'), read('systemd/raunet')];
    const of = (key: string): string => new RegExp(`^${key}=(.*)$`, 'm').exec(unit)![1]!;
    const [node, main, command] = of('ExecStart').split(' ');
    expect(command).toBe('serve');
    expect(wrapper).toContain(`exec ${node} ${join(of('WorkingDirectory'), main!)} "$@"`);
    expect(wrapper).toContain(`exec runuser -u ${of('User')} -- "$0" "$@"`);
    expect(wrapper).toContain(`export ${/RAUNET_CONFIG=.*/.exec(unit)![0]}\n`);
  });
});

describe('ohif/nginx.conf in front of Orthanc', () => {
  test('hands DICOMweb to Orthanc with the address of the viewer, and every other path to the viewer with its isolation headers', async () => {
    const pacs = await startOrthanc({ routing: false });
    const [upstream] = /proxy_pass (http:\/\/\S+);/.exec(read('ohif/nginx.conf'))!.slice(1);
    expect(upstream).toBe(`http://orthanc:${orthanc.HttpPort}`);
    const nginx = await startNginx('deploy/ohif/nginx.conf', {
      pages: { 'index.html': 'the viewer' },
      upstreams: { [upstream!]: pacs.httpUrl },
    }).catch(async (error: unknown) => {
      await pacs.stop();
      throw error;
    });
    try {
      const studies = await fetch(`${nginx.url}/dicom-web/studies`, {
        headers: { accept: 'application/dicom+json' },
      });
      expect([studies.status, await studies.json()]).toEqual([200, []]);
      // A study's address is a path of the viewer, not a file.
      const page = await fetch(`${nginx.url}/viewer?StudyInstanceUIDs=1.2.3`);
      expect([page.status, await page.text()]).toEqual([200, 'the viewer']);
      expect(page.headers.get('cross-origin-opener-policy')).toBe('same-origin');
      expect(page.headers.get('cross-origin-embedder-policy')).toBe('require-corp');
    } finally {
      await nginx.stop();
      await pacs.stop();
    }
  });

  test('the viewer asks for DICOMweb under the path that nginx hands on and Orthanc serves', () => {
    const roots = [...read('ohif/app-config.js').matchAll(/(?:qido|wado)Root: '(.*)'/g)].map(
      ([, root]) => root,
    );
    expect(roots).toEqual(['/dicom-web', '/dicom-web']);
    expect(read('ohif/nginx.conf')).toContain(`location ${orthanc.DicomWeb.Root} {`);
  });
});
