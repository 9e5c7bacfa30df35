import jsqr from 'jsqr';

/** Longest sides to look at, in pixels: a screenshot needs its detail, a noisy photo reads better when it is smaller. */
const SIDES = [1600, 1000, 600];

/** The text of the QR in a picture, or `undefined` when there is none or the file is no picture. */
export async function readQrFromImage(file: Blob): Promise<string | undefined> {
  const bitmap = await createImageBitmap(file).catch(() => undefined);
  if (bitmap === undefined) return undefined;
  try {
    for (const side of SIDES) {
      const { data, width, height } = drawScaled(bitmap, side);
      const code = jsqr.default(data, width, height);
      if (code !== null && code.data !== '') return code.data;
    }
    return undefined;
  } finally {
    bitmap.close();
  }
}

function drawScaled(bitmap: ImageBitmap, longestSide: number): ImageData {
  const scale = Math.min(1, longestSide / Math.max(bitmap.width, bitmap.height));
  const width = Math.max(1, Math.round(bitmap.width * scale));
  const height = Math.max(1, Math.round(bitmap.height * scale));
  const context = new OffscreenCanvas(width, height).getContext('2d');
  if (context === null) throw new Error('this browser has no canvas to read pictures with');
  // Transparent pictures stand on white, as every viewer shows them.
  context.fillStyle = '#fff';
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}
