import type { AuditedPeer, AuditedStudy, AuditEvent } from './types';
import { type Element, element, toXml } from './xml';

/** Who tells: the installation, its AE title, and the process. */
export interface AuditSource {
  sourceId: string;
  aeTitle: string;
  host: string;
  processId: number;
}

interface Code {
  code: string;
  system: string;
  text: string;
}
const dcm = (code: string, text: string): Code => ({ code, system: 'DCM', text });
const own = (code: string, text: string): Code => ({ code, system: '99RAUNET', text });

/** PS3.16 CID 400 to 404 and, for what the standard has no code for, our own. */
const CODE = {
  applicationActivity: dcm('110100', 'Application Activity'),
  beginTransferring: dcm('110102', 'Begin Transferring DICOM Instances'),
  transferred: dcm('110104', 'DICOM Instances Transferred'),
  studyDeleted: dcm('110105', 'DICOM Study Deleted'),
  query: dcm('110112', 'Query'),
  securityAlert: dcm('110113', 'Security Alert'),
  applicationStart: dcm('110120', 'Application Start'),
  applicationStop: dcm('110121', 'Application Stop'),
  userAuthentication: dcm('110114', 'User Authentication'),
  login: dcm('110122', 'Login'),
  logout: dcm('110123', 'Logout'),
  nodeAuthentication: dcm('110126', 'Node Authentication'),
  restrictedFunction: dcm('110132', 'Use of Restricted Function'),
  userSecurity: dcm('110137', 'User Security Attributes Changed'),
  application: dcm('110150', 'Application'),
  destination: dcm('110152', 'Destination Role ID'),
  source: dcm('110153', 'Source Role ID'),
  studyUid: dcm('110180', 'Study Instance UID'),
  sopClassUid: dcm('110181', 'SOP Class UID'),
  nodeId: dcm('110182', 'Node ID'),
  uri: { code: '12', system: 'RFC-3881', text: 'URI' },
  operatorAction: own('operator-action', 'Operator Action'),
  seriesUid: own('series', 'Series Instance UID'),
} as const;

/** The DICOM Audit Message (PS3.15 A.5.1) of an event, one line of XML. */
export function auditMessage(event: AuditEvent, at: Date, source: AuditSource): string {
  const { id, type, action, participants, objects, failure = null } = describe(event, source);
  return `<?xml version="1.0" encoding="UTF-8"?>${toXml(
    element(
      'AuditMessage',
      {},
      element(
        'EventIdentification',
        {
          EventActionCode: action,
          EventDateTime: ('at' in event ? event.at : at).toISOString(),
          // Success, or minor failure: nothing here ends the service.
          EventOutcomeIndicator: failure === null ? 0 : 4,
        },
        coded('EventID', id),
        ...(type === undefined ? [] : [coded('EventTypeCode', type)]),
        ...(failure === null ? [] : [element('EventOutcomeDescription', {}, failure)]),
      ),
      ...participants,
      element(
        'AuditSourceIdentification',
        { AuditSourceID: source.sourceId },
        element('AuditSourceTypeCode', { 'csd-code': '4' }), // application server process
      ),
      ...objects,
    ),
  )}`;
}

interface Description {
  id: Code;
  type?: Code;
  action: 'C' | 'R' | 'U' | 'D' | 'E';
  participants: Element[];
  objects: Element[];
  failure?: string | null;
}

function describe(event: AuditEvent, source: AuditSource): Description {
  switch (event.kind) {
    case 'started':
    case 'stopped': // A.5.3.1
      return {
        id: CODE.applicationActivity,
        type: event.kind === 'started' ? CODE.applicationStart : CODE.applicationStop,
        action: 'E',
        participants: [ourselves(source, CODE.application, false)],
        objects: [],
      };
    case 'transfer begins': // A.5.3.3
      return {
        id: CODE.beginTransferring,
        action: 'E',
        participants: ends(event.direction, event.peer, source),
        objects: [study(event.study)],
      };
    case 'transferred': // A.5.3.7: R where we do not know what the receiver held
      return {
        id: CODE.transferred,
        action: event.direction === 'received' ? 'C' : 'R',
        participants: ends(event.direction, event.peer, source),
        objects: [study(event.study)],
        failure: event.failure,
      };
    case 'queried': // A.5.3.10
      return {
        id: CODE.query,
        action: 'E',
        participants: [
          ourselves(source, CODE.source, true),
          participant(event.peer, CODE.destination, false),
        ],
        objects: [object(event.sopClassUid, CODE.sopClassUid, { type: 2, role: 3 }, query(event.seriesUid))],
        failure: event.failure,
      };
    case 'refused': // A.5.3.11: of the node, not of a user
      return {
        id: CODE.securityAlert,
        type: CODE.nodeAuthentication,
        action: 'E',
        participants: [
          ourselves(source, CODE.application, true),
          participant(event.peer, CODE.source, false),
        ],
        objects: [object(event.peer.address, CODE.nodeId, SECURITY_RESOURCE)],
        failure: event.reason,
      };
    case 'signed in':
    case 'signed out': // A.5.3.12
      return {
        id: CODE.userAuthentication,
        type: event.kind === 'signed in' ? CODE.login : CODE.logout,
        action: 'E',
        participants: [user(event, true), ourselves(source, CODE.application, false)],
        objects: [],
        failure: event.failure,
      };
    case 'denied': // A.5.3.11
      return {
        id: CODE.securityAlert,
        type: CODE.restrictedFunction,
        action: 'E',
        participants: [ourselves(source, CODE.application, true), user(event, false)],
        objects: [object(event.target, CODE.uri, SECURITY_RESOURCE)],
        failure: event.reason,
      };
    case 'token changed': // A.5.3.11: an informative alert
      return {
        id: CODE.securityAlert,
        type: CODE.userSecurity,
        action: 'E',
        participants: [ourselves(source, CODE.application, true), user(event, false)],
        objects: [
          object(
            `/api/tokens/${event.token}`,
            CODE.uri,
            SECURITY_RESOURCE,
            detail(
              'Alert Description',
              `Token ${event.token} with the role ${event.role} was ${event.action}.`,
            ),
          ),
        ],
      };
    case 'operated':
      return {
        id: CODE.operatorAction,
        type: own(event.action, event.action),
        action: 'U',
        participants: [
          element('ActiveParticipant', { UserID: event.user, UserIsRequestor: true }),
          ourselves(source, CODE.application, false),
        ],
        objects: [object(event.seriesUid, CODE.seriesUid, { type: 2, role: 3 })],
        failure: event.failure,
      };
    case 'erased': // A.5.3.8
      return {
        id: CODE.studyDeleted,
        action: 'D',
        participants: [ourselves(source, CODE.application, true)],
        objects: [study({ studyUid: event.studyUid, sopClasses: {} })],
      };
  }
}

const coded = (name: string, { code, system, text }: Code): Element =>
  element(name, { 'csd-code': code, codeSystemName: system, originalText: text });

const ourselves = (source: AuditSource, role: Code, isRequestor: boolean): Element =>
  element(
    'ActiveParticipant',
    {
      UserID: String(source.processId),
      AlternativeUserID: `AETITLES=${source.aeTitle}`, // A.5.2.2
      UserIsRequestor: isRequestor,
      ...accessPoint(source.host),
    },
    coded('RoleIDCode', role),
  );

const participant = ({ aeTitle, address }: AuditedPeer, role: Code, isRequestor: boolean): Element =>
  element(
    'ActiveParticipant',
    {
      UserID: aeTitle || address,
      ...(aeTitle === '' ? {} : { AlternativeUserID: `AETITLES=${aeTitle}` }),
      UserIsRequestor: isRequestor,
      ...accessPoint(address),
    },
    coded('RoleIDCode', role),
  );

/** Of the admin pages. Who gave no name is called by their address: A.5.3.12 wants a UserID of the one who tried. */
const user = (
  { user: name, address }: { user: string | null; address: string },
  isRequestor: boolean,
): Element =>
  element('ActiveParticipant', {
    UserID: name || address,
    UserIsRequestor: isRequestor,
    ...accessPoint(address),
  });

/** Type 1: machine name, 2: IP address (A.5.2). */
const accessPoint = (address: string) => ({
  NetworkAccessPointID: address,
  NetworkAccessPointTypeCode: /^[\d.]+$|:/.test(address) ? 2 : 1,
});

/** Who opened the association asked for the transfer. */
const ends = (direction: 'received' | 'sent', peer: AuditedPeer, source: AuditSource): Element[] =>
  direction === 'received'
    ? [participant(peer, CODE.source, true), ourselves(source, CODE.destination, false)]
    : [ourselves(source, CODE.source, true), participant(peer, CODE.destination, false)];

function object(
  id: string,
  idType: Code,
  { type, role }: { type: number; role: number },
  ...children: Element[]
): Element {
  return element(
    'ParticipantObjectIdentification',
    { ParticipantObjectID: id, ParticipantObjectTypeCode: type, ParticipantObjectTypeCodeRole: role },
    coded('ParticipantObjectIDTypeCode', idType),
    ...children,
  );
}

/** Type 2 system object, role 13 security resource. */
const SECURITY_RESOURCE = { type: 2, role: 13 };

/** A.5.1: the value is base64. */
const detail = (type: string, text: string): Element =>
  element('ParticipantObjectDetail', { type, value: Buffer.from(text).toString('base64') });

/** Type 2 system object, role 3 report for a study (A.5.2.6). */
function study({ studyUid, sopClasses }: AuditedStudy): Element {
  const counted = Object.entries(sopClasses).map(([uid, count]) =>
    element('SOPClass', { UID: uid, NumberOfInstances: count }),
  );
  const description = counted.length === 0 ? [] : [element('ParticipantObjectDescription', {}, ...counted)];
  return object(studyUid, CODE.studyUid, { type: 2, role: 3 }, ...description);
}

/** The keys of the query, base64: ParticipantObjectQuery is of that type. */
const query = (seriesUid: string): Element =>
  element('ParticipantObjectQuery', {}, Buffer.from(`(0020,000E)=${seriesUid}`).toString('base64'));
