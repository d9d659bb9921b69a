// Runs a Nítido model on one raw BGR24 frame in Node.
//
//   node run.mjs MODEL.onnx IN.bgr WIDTHxHEIGHT OUT.bgr [STRENGTH [NOISE]]
//
// STRENGTH and NOISE need a model that 'nitido pack MODEL --target plain' has written.
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
async function restore(session, pixels, width, height, settings) {
  const feeds = { frame: new ort.Tensor('uint8', pixels, [1, height, width, 3]) };
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
  const { image } = await session.run(feeds);
  const [, outHeight, outWidth] = image.dims;
  return { pixels: image.data, width: outWidth, height: outHeight };
}

async function main([model, input, size, output, ...numbers]) {
  const [, width, height] = (/^([1-9]\d*)x([1-9]\d*)$/.exec(size ?? '') ?? []).map(Number);
  if (!output || !height) {
    throw new Error('usage: node run.mjs MODEL.onnx IN.bgr WIDTHxHEIGHT OUT.bgr [STRENGTH [NOISE]]');
  }
  const pixels = new Uint8Array(await readFile(input));
  if (pixels.length !== width * height * 3) {
    throw new Error(`${input}: a frame of ${size} has ${width * height * 3} bytes, found ${pixels.length}; check the size`);
  }
  const session = await openModel(model);
  const [strength, noise] = numbers.map(Number);
  const result = await restore(session, pixels, width, height, { strength, noise });
  try {
    await writeFile(`${output}.partial`, result.pixels);
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
