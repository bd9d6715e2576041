import type { DataSet } from '../dicom/data-set';

/**
 * Whether two images name the same patient (PS3.3 C.7.1.1): by id and who issued it; by name where there is no id. The
 * other attributes may be corrected between two images of one patient; none is told.
 */
export function samePatient(a: DataSet, b: DataSet): boolean {
  const [of, other] = [a, b].map((dataset) => {
    const id = dataset.string('PatientID');
    return [id, id === null ? dataset.verbatim('PatientName') : dataset.string('IssuerOfPatientID')];
  });
  return of!.every((value, i) => value === other![i]);
}
