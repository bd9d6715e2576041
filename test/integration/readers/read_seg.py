"""read_seg.py OUT SEG SOURCE...: the label map of a SEG on the slices of its source, by pydicom alone and by highdicom.

Writes OUT/pydicom.bin and OUT/highdicom.bin, [slices, rows, columns], one byte a pixel, in the order of the source files
and of their frames. Prints, as JSON, what a test compares with the source.
"""

import json
import sys
from pathlib import Path

import highdicom
import numpy as np
import pydicom


def source_frames(files):
    """(SOP Instance UID, frame number or None) of each slice."""
    slices = []
    for file in files:
        image = pydicom.dcmread(file, stop_before_pixels=True)
        frames = range(1, image.NumberOfFrames + 1) if "NumberOfFrames" in image else [None]
        slices += [(image.SOPInstanceUID, frame) for frame in frames]
    return slices


def by_pydicom(seg, slices):
    labels = np.zeros((len(slices), seg.Rows, seg.Columns), np.uint8)
    for pixels, groups in zip(np.atleast_3d(seg.pixel_array.reshape(-1, seg.Rows, seg.Columns)), frame_groups(seg)):
        source = groups.DerivationImageSequence[0].SourceImageSequence[0]
        at = slices.index((source.ReferencedSOPInstanceUID, source.get("ReferencedFrameNumber")))
        labels[at][pixels == 1] = groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber
    return labels


def frame_groups(seg):
    return seg.PerFrameFunctionalGroupsSequence


def position(holder):
    """As the file writes it."""
    return "\\".join(value.original_string for value in holder.ImagePositionPatient)


def source_positions(files):
    """Of each single-frame source, by SOP Instance UID."""
    images = (pydicom.dcmread(file, stop_before_pixels=True) for file in files)
    return {image.SOPInstanceUID: position(image) for image in images if "NumberOfFrames" not in image}


def source_of(groups):
    return groups.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID


def by_highdicom(file, slices):
    seg = highdicom.seg.segread(file)
    options = dict(combine_segments=True, relabel=False, assert_missing_frames_are_empty=True)
    if slices[0][1] is None:
        return seg.get_pixels_by_source_instance([uid for uid, _ in slices], **options)
    return seg.get_pixels_by_source_frame(slices[0][0], [frame for _, frame in slices], **options)


def main(out, file, *sources):
    seg = pydicom.dcmread(file)
    slices = source_frames(sources)
    at = source_positions(sources)
    Path(out, "pydicom.bin").write_bytes(by_pydicom(seg, slices).tobytes())
    Path(out, "highdicom.bin").write_bytes(by_highdicom(file, slices).astype(np.uint8).tobytes())
    print(
        json.dumps(
            {
                "patientName": str(seg.PatientName),
                "positions": [position(groups.PlanePositionSequence[0]) for groups in frame_groups(seg)],
                "sourcePositions": [at.get(source_of(groups)) for groups in frame_groups(seg)],
                "segments": [segment.SegmentLabel for segment in seg.SegmentSequence],
            }
        )
    )


main(*sys.argv[1:])
