"""Small PNG files of pages: the browser finds a palette of 256 colours, the file is written here."""

from __future__ import annotations

import base64
import struct
import zlib
from pathlib import Path

from playwright.sync_api import Page

#: Pixels of a PNG as places in a palette: the most frequent colours, every other one by the nearest of them.
PALETTE = """async data => {
  const bytes = Uint8Array.from(atob(data), one => one.charCodeAt(0));
  const image = await createImageBitmap(new Blob([bytes], {type: 'image/png'}));
  const canvas = new OffscreenCanvas(image.width, image.height), context = canvas.getContext('2d');
  context.drawImage(image, 0, 0);
  const pixels = new Uint32Array(context.getImageData(0, 0, image.width, image.height).data.buffer);
  const counts = new Map();
  for (const one of pixels) counts.set(one, (counts.get(one) || 0) + 1);
  const part = (one, place) => (one >>> (8 * place)) & 255;
  const far = (a, b) => { let sum = 0; for (let n = 0; n < 3; n++) sum += (part(a, n) - part(b, n)) ** 2; return sum; };
  const chosen = [];
  for (const apart of [120, 40, 0]) for (const [one] of [...counts].sort((a, b) => b[1] - a[1])) {
    if (chosen.length === 256) break;
    if (!chosen.includes(one) && chosen.every(known => far(known, one) > apart)) chosen.push(one);
  }
  const places = new Map();
  const place = one => { let best = 0, least = Infinity; chosen.forEach((known, n) => {
    const away = far(known, one); if (away < least) { least = away; best = n; } }); return best; };
  const found = new Uint8Array(pixels.length);
  pixels.forEach((one, n) => { if (!places.has(one)) places.set(one, place(one)); found[n] = places.get(one); });
  let text = '';
  for (let n = 0; n < found.length; n += 30000) text += String.fromCharCode(...found.subarray(n, n + 30000));
  return [image.width, image.height, chosen.flatMap(one => [part(one, 0), part(one, 1), part(one, 2)]), btoa(text)];
}"""


def small(easel: Page, picture: bytes, path: Path) -> int:
    """Write a PNG anew with a palette; `easel`: an empty page. Gives the file's size in bytes."""
    width, height, palette, places = easel.evaluate(PALETTE, base64.b64encode(picture).decode())
    flat = base64.b64decode(places)
    rows = b"".join(b"\0" + flat[start : start + width] for start in range(0, width * height, width))
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = ((b"IHDR", head), (b"PLTE", bytes(palette)), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    body = b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in parts)
    path.write_bytes(body)
    return len(body)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
