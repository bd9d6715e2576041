"""read_sr.py SR...: the measurement groups of TID 1500 reports as highdicom reads them, as JSON, one list a report."""

import json
import sys

import highdicom


def number(item):
    return {"name": item.name.meaning, "value": item.value, "unit": item.unit.value}


def group(found, segment):
    return {
        "tracking": found.tracking_identifier,
        "uid": found.tracking_uid,
        "finding": found.finding_type.meaning,
        "segment": segment,
        "numbers": [number(item) for item in found.get_measurements()],
    }


def groups(file):
    content = highdicom.sr.srread(file).content
    volumetric = content.get_volumetric_roi_measurement_groups()
    return (
        [group(found, int(found.referenced_segment.referenced_segment_numbers[0])) for found in volumetric]
        + [group(found, None) for found in content.get_planar_roi_measurement_groups()]
        + [group(found, None) for found in content.get_image_measurement_groups()]
    )


print(json.dumps([groups(file) for file in sys.argv[1:]]))
