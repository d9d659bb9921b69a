// Opens a model and runs it on frames, beside the page, which so stays free to move. One frame at a time.
import { fromRgba, Model, toRgba } from './nitido.js';

let ort;
let model = null;
let stream = null;

async function open({ engine, card }) {
  ort ??= await import(new URL(engine.script, import.meta.url));
  ort.env.logLevel = 'error';
  ort.env.wasm.wasmPaths = { wasm: new URL(engine.binary, import.meta.url).href };
  await model?.close();
  const answer = await fetch(new URL(`models/${card.file}`, import.meta.url));
  if (!answer.ok) throw new Error(`${card.file}: ${answer.status}`);
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const session = await ort.InferenceSession.create(bytes, { executionProviders: ['wasm'], logSeverityLevel: 3 });
  model = new Model(ort, session, card);
  stream = model.stream();
  return [{ threads: ort.env.wasm.numThreads || 1 }];
}

async function restore({ rgba, width, height }) {
  const began = performance.now();
  const result = await stream.restore(fromRgba(new Uint8ClampedArray(rgba), width, height));
  const pixels = toRgba(result);
  const facts = { width: result.width, height: result.height, level: result.level, ms: performance.now() - began };
  return [{ rgba: pixels.buffer, ...facts }, [pixels.buffer]];
}

const ACTIONS = {
  open,
  restore,
  reset: async () => {
    stream?.reset();
    return [{}];
  },
};

onmessage = async ({ data: { id, action, ...request } }) => {
  try {
    const [answer, transfer = []] = await ACTIONS[action](request);
    postMessage({ id, ...answer }, transfer);
  } catch (error) {
    postMessage({ id, error: String(error?.message ?? error).split('\n')[0] });
  }
};
