"""read_nrrd.py OUT SLICES ORIGIN STEP FOLDER: what dcmqi's segimage2itkimage wrote, back on the grid of the source.

ORIGIN: position of the first source slice; STEP: from it to the next (both `x,y,z`, mm, LPS). Writes OUT, the label map
[slices, rows, columns], one byte a pixel. dcmqi spans only the slices from the first to the last with a segment.
"""

import gzip
import sys
from pathlib import Path

import numpy as np


def read(path):
    head, _, body = path.read_bytes().partition(b"\n\n")
    fields = dict(line.split(": ", 1) for line in head.decode().splitlines() if ": " in line)
    columns, rows, slices = map(int, fields["sizes"].split())
    voxels = np.frombuffer(gzip.decompress(body), "<i2").reshape(slices, rows, columns)
    return voxels, np.array([float(x) for x in fields["space origin"].strip("() ").split(",")])


def main(out, count, origin, step, folder):
    origin, step = (np.array([float(x) for x in text.split(",")]) for text in (origin, step))
    labels = None
    for path in Path(folder).glob("*.nrrd"):
        voxels, corner = read(path)
        if labels is None:
            labels = np.zeros((int(count), *voxels.shape[1:]), np.uint8)
        first = (corner - origin) @ step / (step @ step)
        assert abs(first - round(first)) < 1e-3, f"{path.name} lies between slices: {first}"
        part = labels[round(first) : round(first) + len(voxels)]
        part[voxels != 0] = int(path.stem)
    Path(out).write_bytes(labels.tobytes())


main(*sys.argv[1:])
