import { encode } from 'uqr';

/** Modules of white around the code: ISO/IEC 18004 asks for four, and a scanner on a dark page needs them. */
const QUIET_ZONE = 4;

/** What the largest symbol holds at the lowest error correction, in bytes (ISO/IEC 18004, version 40-L). */
const MAX_BYTES = 2953;

/** A QR symbol as one SVG path of unit squares: `size` is the side of the view box, quiet zone included. */
export interface QrPath {
  readonly size: number;
  readonly path: string;
}

/** False for a text that no QR symbol can hold. */
export function fitsQr(text: string): boolean {
  return new TextEncoder().encode(text).length <= MAX_BYTES;
}

/**
 * Error correction stays low: the code is on a screen, not on a scratched label, and fewer modules are larger ones.
 * @throws Error when the text does not fit.
 */
export function toQrPath(text: string): QrPath {
  const { data, size } = encode(text, { ecc: 'L', border: QUIET_ZONE });
  return { size, path: data.map((row, y) => toRuns(row, y)).join('') };
}

/** Neighbouring dark modules become one rectangle, so that no hairlines appear between them. */
function toRuns(row: readonly boolean[], y: number): string {
  let path = '';
  for (let x = 0; x < row.length; x += 1) {
    if (row[x] !== true) continue;
    const start = x;
    while (row[x + 1] === true) x += 1;
    const width = x - start + 1;
    path += `M${start} ${y}h${width}v1h-${width}z`;
  }
  return path;
}
