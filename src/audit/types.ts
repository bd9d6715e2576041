/** An AE, as it was named on an association. */
export interface AuditedPeer {
  aeTitle: string;
  /** IP address or host name. */
  address: string;
}

export interface AuditedStudy {
  studyUid: string;
  /** Number of instances by SOP class. */
  sopClasses: Readonly<Record<string, number>>;
}

/** What is told of, PS3.15 A.5.3. No event carries a patient's name or id: the study tells the archive whose it is. */
export type AuditEvent =
  | { kind: 'started' | 'stopped' }
  /** `received`: from the peer to us; `sent`: from us to the peer. `failure`: null where every instance arrived. */
  | { kind: 'transfer begins'; direction: 'received' | 'sent'; peer: AuditedPeer; study: AuditedStudy }
  | {
      kind: 'transferred';
      direction: 'received' | 'sent';
      peer: AuditedPeer;
      study: AuditedStudy;
      failure: string | null;
    }
  /** C-FIND of ours: how many instances a series has. */
  | { kind: 'queried'; peer: AuditedPeer; seriesUid: string; sopClassUid: string; failure: string | null }
  /** Somebody was not let in. */
  | { kind: 'refused'; peer: AuditedPeer; reason: string }
  /** An operator did something to a series; `failure` where it was not possible. */
  | {
      kind: 'operated';
      action: 'retry' | 'cancel' | 'priority';
      user: string;
      seriesUid: string;
      failure: string | null;
    }
  /** A browser signed in or out; `user` null where nobody knows who tried. */
  | { kind: 'signed in' | 'signed out'; user: string | null; address: string; failure: string | null }
  /** Somebody asked for what they may not have; `target`: the path. */
  | { kind: 'denied'; user: string | null; address: string; target: string; reason: string }
  /** An admin, or whoever has the machine by `raunet token`, gave or took access. */
  | {
      kind: 'token changed';
      at: Date;
      action: 'created' | 'revoked';
      token: string;
      role: string;
      user: string;
      address: string;
    }
  /** Retention erased the files of a study. */
  | { kind: 'erased'; studyUid: string };

/** Tells of an event; never throws, never waits. It is in the file and on the disk a few milliseconds later. */
export type Audit = (event: AuditEvent) => void;
