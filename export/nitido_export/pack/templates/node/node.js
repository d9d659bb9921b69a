// The model of this folder in Node, on onnxruntime-node.
import { readFile } from 'node:fs/promises';
import ort from 'onnxruntime-node';
import { Model } from './nitido.js';

export { Model, Stream, fromRgba, toRgba } from './nitido.js';

export async function open({ threads = 0, folder = new URL('./', import.meta.url) } = {}) {
  const card = JSON.parse(await readFile(new URL('model.json', folder), 'utf8'));
  const bytes = await readFile(new URL(card.file, folder));
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3, intraOpNumThreads: threads });
  return new Model(ort, session, card);
}
