"""Stored pixels of CT images as pydicom (and DCMTK, where it cannot) decodes them: the peer of decode-shared.test.ts.

usage: pydicom_pixels.py OUT FILE...
Writes OUT/<n>.i32 (little endian, frames x rows x columns) and prints one JSON line a file:
{"file", "shape", "pixels": "<n>.i32"} or {"file", "error"}.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
from pydicom.pixels import pixel_array

out = Path(sys.argv[1])
for n, file in enumerate(sys.argv[2:]):
    try:
        ds = pydicom.dcmread(file, force=True)
        if "TransferSyntaxUID" not in ds.file_meta:
            ds.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
        try:
            array = pixel_array(ds)
        except NotImplementedError:
            # The retired progressive syntaxes: DCMTK still reads them.
            subprocess.run(["dcmdjpeg", file, out / "plain.dcm"], check=True)
            array = pixel_array(pydicom.dcmread(out / "plain.dcm"))
        pixels = f"{n}.i32"
        array.astype("<i4").tofile(out / pixels)
        print(json.dumps({"file": file, "shape": array.shape, "pixels": pixels}))
    except Exception as error:  # noqa: BLE001: every failure is a row of the comparison
        print(json.dumps({"file": file, "error": f"{type(error).__name__}: {error}"[:200]}))
