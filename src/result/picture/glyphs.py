"""Makes glyphs.ts: pictures of the letters that the pages are written with.

Run by hand when a face changes (Pillow; Debian packages fonts-dejavu-core and fonts-dejavu-extra):
    python3 src/result/picture/glyphs.py > src/result/picture/glyphs.ts

A face is, deflated, for each character of CHARACTERS: advance, left, top, width, height (signed bytes, pixels; top
counts down from the top of the line), then width x height bytes of coverage 0-255.
"""

import base64
import zlib

from PIL import Image, ImageDraw, ImageFont

CHARACTERS = "".join(map(chr, range(32, 127))) + "°·–…±"
FOLDER = "/usr/share/fonts/truetype/dejavu/"
FACES = {
    "small": ("DejaVuSansCondensed.ttf", 15),
    "body": ("DejaVuSansCondensed.ttf", 19),
    "bold": ("DejaVuSansCondensed-Bold.ttf", 19),
    "title": ("DejaVuSansCondensed-Bold.ttf", 30),
}


def picture(font, character):
    left, top, right, bottom = font.getbbox(character)
    width, height = max(0, right - left), max(0, bottom - top)
    canvas = Image.new("L", (max(1, width), max(1, height)), 0)
    ImageDraw.Draw(canvas).text((-left, -top), character, font=font, fill=255)
    # 16 levels of grey are enough for the eye and halve the file
    grey = bytes(17 * round(value / 17) for value in canvas.tobytes()) if width * height else b""
    return bytes(n & 255 for n in (round(font.getlength(character)), left, top, width, height)) + grey


def face(file, size):
    font = ImageFont.truetype(FOLDER + file, size)
    ascent, descent = font.getmetrics()
    packed = zlib.compress(b"".join(picture(font, c) for c in CHARACTERS), 9)
    text = base64.b64encode(packed).decode()
    lines = "\n".join(text[i : i + 108] for i in range(0, len(text), 108))
    return f"{{\n    lineHeight: {ascent + descent},\n    deflated: `\n{lines}`,\n  }}"


print("// Made by glyphs.py from DejaVu Sans Condensed 2.37: fonts (c) Bitstream, DejaVu changes in public domain.")
print(f"export const CHARACTERS =\n  {CHARACTERS!r};")
print("\nexport const FACES = {")
for name, (file, size) in FACES.items():
    print(f"  {name}: {face(file, size)},")
print("} as const;")
