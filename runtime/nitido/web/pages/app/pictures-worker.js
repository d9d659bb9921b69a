// Restores pictures by tiles, beside the page. A tile is read with as much around it as any of its pixels depends on,
// so the parts are exactly what the whole picture would give.
import { openSession, ort } from './engine.js';
import { fromRgba, toRgba } from './nitido.js';
import { serveRequests } from './requests.js';

const TILE = 512; // pixels
const WHOLE = 2_100_000; // pixels of a picture whose noise level is estimated at once; of larger ones by crops
const CROPS = 4; // in each direction
const SIDE = 256; // of a crop
const QUALITY = 0.95; // of JPEG

let session = null;
let card = null;

async function open(request) {
  await session?.release();
  card = request.card;
  session = null;
  ({ session } = await openSession(request));
  return [{}];
}

// bgr: `count` frames one after the other.
function run(bgr, count, width, height, strength, noise) {
  const numbers = { strength, noise };
  const feeds = { frame: new ort.Tensor('uint8', bgr, [count, height, width, 3]) };
  for (const name of card.settings) feeds[name] = new ort.Tensor('float32', Float32Array.of(numbers[name]), []);
  return session.run(feeds);
}

const read = (context, left, top, width, height) => fromRgba(context.getImageData(left, top, width, height).data, width, height).pixels;

// One level for all tiles, or their borders would show.
async function estimate(context, width, height) {
  if (width * height <= WHOLE || Math.min(width, height) < SIDE) {
    return (await run(read(context, 0, 0, width, height), 1, width, height, 1, -1)).noise_level.data[0];
  }
  const at = (size) => Array.from({ length: CROPS }, (_, i) => Math.floor((i * (size - SIDE)) / (CROPS - 1)));
  const places = [...new Set(at(height))].flatMap((top) => [...new Set(at(width))].map((left) => [left, top]));
  const frames = new Uint8Array(places.length * SIDE * SIDE * 3);
  places.forEach(([left, top], i) => frames.set(read(context, left, top, SIDE, SIDE), i * SIDE * SIDE * 3));
  return (await run(frames, places.length, SIDE, SIDE, 1, -1)).noise_level.data[0];
}

async function restore({ bitmap, strength, noise, type }, progress) {
  const { width, height } = bitmap;
  const { scale, multiple } = card;
  const canvas = new OffscreenCanvas(width, height);
  const source = canvas.getContext('2d', { willReadFrequently: true });
  if (type === 'image/jpeg') {
    source.fillStyle = '#fff';
    source.fillRect(0, 0, width, height);
  }
  source.drawImage(bitmap, 0, 0);
  const larger = new OffscreenCanvas(width * scale, height * scale);
  const target = larger.getContext('2d', { willReadFrequently: true });
  if (scale > 1) target.drawImage(canvas, 0, 0, width * scale, height * scale); // for its alpha
  bitmap.close();
  const level = card.settings.includes('noise') ? (noise ?? (await estimate(source, width, height))) : null;
  const up = (value) => Math.ceil(value / multiple) * multiple;
  const step = up(TILE);
  const halo = up(card.halo);
  const count = Math.ceil(height / step) * Math.ceil(width / step);
  let done = 0;
  for (let top = 0; top < height; top += step) {
    for (let left = 0; left < width; left += step) {
      const [right, bottom] = [Math.min(left + step, width), Math.min(top + step, height)];
      const [x, y] = [Math.max(0, left - halo), Math.max(0, top - halo)];
      const [w, h] = [Math.min(width, right + halo) - x, Math.min(height, bottom + halo) - y];
      const { image } = await run(read(source, x, y, w, h), 1, w, h, strength, level ?? -1);
      const part = toRgba({ pixels: image.data, width: w * scale, height: h * scale });
      const under = (scale > 1 ? target : source).getImageData(x * scale, y * scale, w * scale, h * scale).data;
      for (let i = 3; i < part.length; i += 4) part[i] = under[i];
      const inside = [(left - x) * scale, (top - y) * scale, (right - left) * scale, (bottom - top) * scale];
      target.putImageData(new ImageData(part, w * scale, h * scale), x * scale, y * scale, ...inside);
      progress(++done / count);
    }
  }
  return [{ blob: await larger.convertToBlob({ type, quality: QUALITY }), level }];
}

serveRequests({ open, restore });
