// Opens the decoder and runs it in a thread of its own, so that the page stays responsive. One request at a time.

import { serveRequests } from "/requests.js";

let ort, session, labelled;

async function open({ engine: { script, binary } }) {
  ort = await import(script);
  ort.env.wasm.numThreads = 1; // more make decoders of this size slower
  ort.env.wasm.wasmPaths = { wasm: binary };
  const answer = await fetch("/decoder.onnx");
  if (!answer.ok) throw new Error(`the decoder cannot be loaded (${answer.status})`);
  // It warns of inputs with a default value, such as prior.
  const options = { executionProviders: ["wasm"], logSeverityLevel: 3 };
  session = await ort.InferenceSession.create(new Uint8Array(await answer.arrayBuffer()), options);
  labelled = session.inputNames.includes("label");
  return [{}];
}

// z: the places one after the other. Pictures come back as RGBA, notes as they are.
async function decode({ z, count, label }) {
  const start = performance.now();
  const feeds = { z: new ort.Tensor("float32", z, [count, z.length / count]) };
  if (labelled) feeds.label = new ort.Tensor("int64", new BigInt64Array(count).fill(BigInt(label)), [count]);
  const [name] = session.outputNames;
  const found = (await session.run(feeds))[name];
  const data = name === "image" ? rgba(found.data) : found.data.slice();
  return [{ data, ms: performance.now() - start }, [data.buffer]];
}

function rgba(bgr) {
  const pixels = new Uint8ClampedArray((bgr.length / 3) * 4);
  for (let from = 0, to = 0; from < bgr.length; from += 3, to += 4) {
    pixels[to] = bgr[from + 2];
    pixels[to + 1] = bgr[from + 1];
    pixels[to + 2] = bgr[from];
    pixels[to + 3] = 255;
  }
  return pixels;
}

serveRequests({ open, decode });
