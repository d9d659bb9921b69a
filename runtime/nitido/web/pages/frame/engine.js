// In workers: a model file in ONNX Runtime's build for browsers.

export let ort;

// threads: 0 leaves the number to the engine. Resolves to {session, threads}.
export async function openSession({ engine, card, threads = 0 }) {
  ort ??= await import(new URL(engine.script, import.meta.url));
  ort.env.logLevel = 'error';
  if (threads) ort.env.wasm.numThreads = threads;
  ort.env.wasm.wasmPaths = { wasm: new URL(engine.binary, import.meta.url).href };
  const answer = await fetch(new URL(`models/${card.file}`, import.meta.url));
  if (!answer.ok) throw new Error(`${card.file}: ${answer.status}`);
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const session = await ort.InferenceSession.create(bytes, { executionProviders: ['wasm'], logSeverityLevel: 3 });
  return { session, threads: ort.env.wasm.numThreads || 1 };
}
