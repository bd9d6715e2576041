/** A file to be sent as it is. */
export interface Deliverable {
  file: string;
  sopClassUid: string;
  sopInstanceUid: string;
  transferSyntaxUid: string;
}
