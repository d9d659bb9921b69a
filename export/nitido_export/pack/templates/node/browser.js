// The model of this folder in a browser, on onnxruntime-web (WebAssembly). Without a bundler, an import map says where
// 'onnxruntime-web/wasm' is, as in index.html.
import * as ort from 'onnxruntime-web/wasm';
import { Model } from './nitido.js';

export { Model, Stream, fromRgba, toRgba } from './nitido.js';

// Several threads need a page that is cross-origin isolated; elsewhere the library runs with one.
export async function open({ threads = 0, folder = new URL('./', import.meta.url) } = {}) {
  ort.env.wasm.numThreads = threads;
  ort.env.logLevel = 'error';
  const card = await (await load(new URL('model.json', folder))).json();
  const bytes = new Uint8Array(await (await load(new URL(card.file, folder))).arrayBuffer());
  return new Model(ort, await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 }), card);
}

async function load(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`cannot load ${url}: ${answer.status} ${answer.statusText}`);
  return answer;
}
