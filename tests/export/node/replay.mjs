// Runs a model on what a JSON file holds: { feeds: { name: { type, dims, data } } }, data being base64 of the bytes.
//
//   node replay.mjs MODEL.onnx FEEDS.json
//
// Prints { name: { type, dims, data } } of all outputs.
import { readFile } from 'node:fs/promises';
import ort from 'onnxruntime-node';

const KINDS = { uint8: Uint8Array, float32: Float32Array, int64: BigInt64Array };

const [model, input] = process.argv.slice(2);
const session = await ort.InferenceSession.create(model, { logSeverityLevel: 3 });
const feeds = {};
for (const [name, { type, dims, data }] of Object.entries(JSON.parse(await readFile(input)))) {
  const bytes = Uint8Array.from(Buffer.from(data, 'base64'));
  feeds[name] = new ort.Tensor(type, new KINDS[type](bytes.buffer), dims);
}
const found = {};
for (const [name, { type, dims, data }] of Object.entries(await session.run(feeds))) {
  found[name] = { type, dims, data: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64') };
}
console.log(JSON.stringify(found));
