import type { SeriesDetail } from '../records/read';
import type { Warning } from '../series/types';

/** What whoever reads a result should know of how its series came: no header tells it. */
export function receivingRemarks({
  instances,
  expectedInstances,
  conflicts,
}: Pick<SeriesDetail, 'instances' | 'expectedInstances' | 'conflicts'>): Warning[] {
  const remarks: Warning[] = [];
  // The end of a scan that is missing leaves no gap.
  if (expectedInstances !== null && instances < expectedInstances)
    remarks.push({
      code: 'FEWER_THAN_EXPECTED',
      sentence: `Only ${instances} of the ${expectedInstances} instances that the PACS has of the series were received.`,
    });
  const uids = `${conflicts.length} SOP Instance UID${conflicts.length === 1 ? '' : 's'}`;
  if (conflicts.length > 0)
    remarks.push({
      code: 'CONFLICTING_INSTANCE',
      sentence: `Images left out: ${uids} came with other bytes than those that were received first.`,
    });
  return remarks;
}
