import { isIPv4 } from 'node:net';
import { validate as isCron } from 'node-cron';
import type { Problem } from './problem';
import type { Config } from './schema';

export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));

/** What no single key shows: references to nothing, doors left open, values that exclude each other. */
export function combinationProblems(config: Config): Problem[] {
  return [
    ...roles(config),
    ...references(config),
    ...reports(config),
    ...doors(config),
    ...expressions(config),
    ...schedules(config),
  ];
}

/** The embedded database answers this process only. */
function roles({ roles, database }: Config): Problem[] {
  const missing = (['receive', 'analyse', 'deliver'] as const).filter((role) => !roles.includes(role));
  if (database.url !== undefined || missing.length === 0) return [];
  const message = `without ${missing.join(', ')}, another process must do that: it needs database.url`;
  return [{ path: ['roles'], message }];
}

function references({ association, delivery, series }: Config): Problem[] {
  const problems: Problem[] = [];
  const names = delivery.destinations.map(({ name }) => name);
  names.forEach((name, i) => {
    if (names.indexOf(name) !== i)
      problems.push({
        path: ['delivery', 'destinations', i, 'name'],
        message: `"${name}" names two destinations`,
      });
  });
  delivery.rules.forEach((rule, i) => {
    for (const name of rule.to.filter((to) => !names.includes(to)))
      problems.push({ path: ['delivery', 'rules', i, 'to'], message: `no destination is called "${name}"` });
  });
  delivery.destinations.forEach((destination, i) => {
    if (destination.retryMaxSeconds < destination.retrySeconds)
      problems.push({
        path: ['delivery', 'destinations', i, 'retryMaxSeconds'],
        message: 'is smaller than retrySeconds',
      });
  });
  association.allow.forEach(({ certificate }, i) => {
    if (certificate !== undefined && association.tls?.ca === undefined)
      problems.push({
        path: ['association', 'allow', i, 'certificate'],
        message: 'needs association.tls with ca: without it nobody shows a certificate',
      });
  });
  delivery.destinations.forEach(({ tls }, i) => {
    if ((tls?.certificate === undefined) !== (tls?.key === undefined))
      problems.push({
        path: ['delivery', 'destinations', i, 'tls'],
        message: 'certificate and key belong together: give both or neither',
      });
  });
  if (series.queryDestination !== undefined && !names.includes(series.queryDestination))
    problems.push({
      path: ['series', 'queryDestination'],
      message: `no destination is called "${series.queryDestination}"`,
    });
  const ruleNames = series.rules.map(({ name }) => name);
  ruleNames.forEach((name, i) => {
    if (ruleNames.indexOf(name) !== i)
      problems.push({ path: ['series', 'rules', i, 'name'], message: `"${name}" names two rules` });
  });
  return problems;
}

/** A storage commitment report may come on an association of its own, to the AE title that asked for it (PS3.4 J.3.3). */
function reports({ roles, association, delivery }: Config): Problem[] {
  if (!roles.includes('receive')) return [];
  const { allow, aliases, host: ours } = association;
  const has = (titles: readonly string[], title: string): boolean =>
    titles.some((known) => known.trim() === title.trim());
  return delivery.destinations.flatMap(({ aeTitle, callingAe, host, commitment }, i) => {
    if (!commitment) return [];
    const missing: string[] = [];
    if (isLoopback(ours) && !isLoopback(host))
      missing.push(`listen where ${host} can reach us, association.host is ${ours}`);
    if (
      allow.length > 0 &&
      !has(
        allow.map((known) => known.callingAe),
        aeTitle,
      )
    )
      missing.push(`add ${aeTitle.trim()} to association.allow`);
    if (callingAe !== undefined && !has([association.aeTitle, ...aliases], callingAe))
      missing.push(`add its callingAe ${callingAe.trim()} to association.aliases`);
    const path = ['delivery', 'destinations', i, 'commitment'];
    const why = 'its reports may come on an association of their own';
    return missing.map((what) => ({ path, message: `${why}: ${what}` }));
  });
}

function doors({ association, admin }: Config): Problem[] {
  const problems: Problem[] = [];
  if (!isLoopback(association.host) && association.allow.length === 0)
    problems.push({
      path: ['association', 'host'],
      message: `listening on ${association.host} needs association.allow: name the AE titles that may send`,
    });
  problems.push(...adminDoor(admin));
  if (association.port !== 0 && association.port === admin.port)
    problems.push({ path: ['admin', 'port'], message: 'is the DICOM port too' });
  return problems;
}

function adminDoor({ host, authentication, tls, publicUrl, oidc }: Config['admin']): Problem[] {
  const problems: Problem[] = [];
  const say = (key: string, message: string) => problems.push({ path: ['admin', key], message });
  const encrypted = (url: string) => url.startsWith('https:') || isLoopback(new URL(url).hostname);
  if (!isLoopback(host)) {
    if (authentication === 'none')
      say('host', `listening on ${host} needs authentication: required; without it only loopback is safe`);
    if (tls === undefined && !publicUrl?.startsWith('https:'))
      say(
        'host',
        `listening on ${host} needs tls, or as publicUrl the https address of the proxy before it: tokens must not cross the network in the clear`,
      );
  }
  if (publicUrl !== undefined && !encrypted(publicUrl)) say('publicUrl', 'has to be https');
  if (oidc !== undefined) {
    if (authentication === 'none') say('oidc', 'needs authentication: required');
    if (publicUrl === undefined) say('oidc', 'needs publicUrl: where the provider sends the browser back to');
    if (!encrypted(oidc.issuer))
      problems.push({ path: ['admin', 'oidc', 'issuer'], message: 'has to be https' });
    if (Object.values(oidc.roles).flat().length === 0)
      problems.push({ path: ['admin', 'oidc', 'roles'], message: 'gives nobody a role' });
  }
  return problems;
}

function expressions({ series }: Config): Problem[] {
  const problems: Problem[] = [];
  series.rules.forEach((rule, i) => {
    for (const key of ['description', 'kernel'] as const) {
      try {
        new RegExp(rule[key] ?? '', 'i');
      } catch {
        problems.push({ path: ['series', 'rules', i, key], message: 'is not a regular expression' });
      }
    }
    if (rule.thicknessMm && rule.thicknessMm.min > rule.thicknessMm.max)
      problems.push({ path: ['series', 'rules', i, 'thicknessMm'], message: 'min is larger than max' });
  });
  return problems;
}

const schedules = ({ maintenance }: Config): Problem[] =>
  (['retentionCron', 'diskCron', 'echoCron', 'reconcileCron'] as const)
    .filter((key) => !isCron(maintenance[key]))
    .map((key) => ({ path: ['maintenance', key], message: `"${maintenance[key]}" is no cron expression` }));
