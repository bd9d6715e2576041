/**
 * What is odd about a series and stops nothing: a code in its history, beside the sentence with the particulars, which
 * stands in the report and on the page too. Each says what it means for the result. docs/ERRORS.md is made from this table.
 */
export const REMARKS = {
  LEFT_OUT: 'Images that are no part of a CT scan (localisers, dose pages) were not analysed.',
  MIXED_GEOMETRY: 'The series mixes scans; the axial one with most slices was analysed.',
  MULTI_PHASE:
    'The series holds several scans of the same region; the one that the sentence names was analysed.',
  MISSING_SLICES: 'Slices are missing, but few; their part of a volume is taken from their neighbours.',
  UNEVEN_SPACING: 'Slices are not evenly apart; volumes are from the real positions.',
  GANTRY_TILT: 'The gantry was tilted; each slice was processed in its own plane.',
  DERIVED: 'The images call themselves derived: some other software may have changed them.',
  BURNED_IN:
    'Text is burnt into the pixels: a name may stand there, and where it covers the lung values are wrong.',
  LOSSY: 'The images were compressed with loss; small findings are less sure.',
  SHARP_KERNEL: 'Sharp kernels raise noise; ground-glass opacity is less sure.',
  THICK_SLICES: 'Slices are thick; small findings and volumes are less sure.',
  CONTRAST: 'Contrast agent raises HU, of effusion and consolidation too.',
  NO_RESCALE:
    'Values were taken as HU because they are plausible; the sender should give rescale slope and intercept.',
  FEW_SLICES: 'A part of the chest at most; percentages are of what was there.',
  FEWER_THAN_EXPECTED:
    'The PACS has more instances of the series than were received; what is missing was not analysed.',
  CONFLICTING_INSTANCE:
    'An instance came again with other bytes under its UID: the first counts, the other is kept and not analysed. Check the sender.',
} as const;

export type RemarkCode = keyof typeof REMARKS;
