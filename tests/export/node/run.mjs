// Runs a Nítido model on raw BGR24 frames in Node: one frame, or those of a video one after the other.
//
//   node run.mjs MODEL.onnx IN.bgr WIDTHxHEIGHT OUT.bgr [STRENGTH [NOISE]]
//
// STRENGTH and NOISE need a model that 'nitido pack MODEL --target plain' has written. A recurrent model needs its card,
// MODEL.json, beside it.
// Prints the size of the result as WIDTHxHEIGHT. Every failure is one line on stderr and exit code 1.
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import ort from 'onnxruntime-node';

async function openModel(path) {
  // 3: errors only; an initializer that is also an input ("strength") would be warned of otherwise.
  return ort.InferenceSession.create(path, { logSeverityLevel: 3 });
}

// HOW TO FEED A FRAME: a Uint8Array of height × width × 3 bytes in BGR order, rows without gaps, as OpenCV gives it.
// For RGBA, as a canvas or sharp gives it, drop A and swap R and B first. `strength` (denoisers: 0..1) and `noise`
// (8-bit levels) may be left away: a model that has them as plain inputs is given their defaults.
// `states`: of a recurrent model, see below.
async function restore(session, pixels, width, height, settings, states = {}) {
  const feeds = { frame: new ort.Tensor('uint8', pixels, [1, height, width, 3]), ...states };
  for (const [name, usual] of [['strength', 1], ['noise', -1]]) {
    const settable = session.inputNames.includes(name);
    // Without this check a release that feeds required inputs only would ignore it without a word.
    if (settings[name] !== undefined && !settable) {
      throw new Error(
        `this model or this onnxruntime-node takes no ${name}, only ${session.inputNames}; leave it away, or take a ` +
          "model from 'nitido pack --target plain'",
      );
    }
    if (settable) feeds[name] = new ort.Tensor('float32', Float32Array.of(settings[name] ?? usual), []);
  }
  const { image, ...others } = await session.run(feeds);
  const [, outHeight, outWidth] = image.dims;
  // A RECURRENT MODEL returns what it remembers; the next frame is given that.
  const after = Object.entries(others).filter(([name]) => name.startsWith('state_out'));
  return {
    pixels: image.data,
    width: outWidth,
    height: outHeight,
    states: Object.fromEntries(after.map(([name, tensor]) => [name.replace('_out_', '_in_'), tensor])),
  };
}

// The states of a recurrent model before the first frame: zeros. How large they are says the model's card.
function firstStates(card, width, height) {
  const sizes = card.states.map(({ name, channels, grid }) => {
    const [h, w] = [height, width].map((side) => (Math.ceil(side / card.multiple) * card.multiple) / grid);
    return [`state_in_${name}`, [1, channels, h, w]];
  });
  const zeros = (dims) => new Float32Array(dims.reduce((a, b) => a * b));
  return Object.fromEntries(sizes.map(([name, dims]) => [name, new ort.Tensor('float32', zeros(dims), dims)]));
}

async function main([model, input, size, output, ...numbers]) {
  const [, width, height] = (/^([1-9]\d*)x([1-9]\d*)$/.exec(size ?? '') ?? []).map(Number);
  if (!output || !height) {
    throw new Error('usage: node run.mjs MODEL.onnx IN.bgr WIDTHxHEIGHT OUT.bgr [STRENGTH [NOISE]]');
  }
  const pixels = new Uint8Array(await readFile(input));
  const frameSize = width * height * 3;
  if (pixels.length < frameSize || pixels.length % frameSize) {
    throw new Error(`${input}: a frame of ${size} has ${width * height * 3} bytes, found ${pixels.length}; check the size`);
  }
  const session = await openModel(model);
  const [strength, noise] = numbers.map(Number);
  const remembers = session.inputNames.some((name) => name.startsWith('state_in'));
  const card = remembers ? JSON.parse(await readFile(model.replace(/\.onnx$/, '.json'))) : null;
  let result = { states: remembers ? firstStates(card, width, height) : {} };
  const frames = [];
  for (let at = 0; at < pixels.length; at += frameSize) {
    const frame = pixels.subarray(at, at + frameSize);
    result = await restore(session, frame, width, height, { strength, noise }, result.states);
    frames.push(result.pixels);
  }
  try {
    await writeFile(`${output}.partial`, Buffer.concat(frames));
    await rename(`${output}.partial`, output);
  } finally {
    await rm(`${output}.partial`, { force: true });
  }
  console.log(`${result.width}x${result.height}`);
}

main(process.argv.slice(2)).catch((error) => {
  console.error(`run.mjs: ${error.message.split('\n')[0]}`);
  process.exitCode = 1;
});
