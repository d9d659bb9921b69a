// Opens a model and runs it on frames, beside the page, which so stays free to move. One frame at a time.
import { openSession, ort } from './engine.js';
import { fromRgba, Model, toRgba } from './nitido.js';
import { serveRequests } from './requests.js';

const RATE = 0.1; // share of a new estimate in the average
const CUT = 1.5; // a level this many times as high or as low as the average is that of another scene

let model = null;
let stream = null;
let average = null; // noise level of the frames before: an estimate of each frame alone would flicker

async function open(request) {
  await model?.close();
  const { session, threads } = await openSession(request);
  model = new Model(ort, session, request.card);
  stream = model.stream();
  average = null;
  return [{ threads }];
}

function follow(estimate) {
  const level = Math.max(estimate, 1e-3);
  const ratio = average === null ? Infinity : level / average;
  average = Math.abs(Math.log(ratio)) > Math.log(CUT) ? level : average * ratio ** RATE;
}

// strength: 0..1. noise: level in 8-bit levels; null: estimated. Those that the model does not take are left out.
async function restore({ rgba, width, height, strength, noise }) {
  const began = performance.now();
  const given = { strength, noise: noise ?? average ?? undefined };
  const settings = Object.fromEntries(model.card.settings.map((name) => [name, given[name]]));
  const result = await stream.restore(fromRgba(new Uint8ClampedArray(rgba), width, height), settings);
  if (noise !== null) average = null;
  else if (result.level !== null) follow(result.level);
  const pixels = toRgba(result);
  const level = result.level === null ? null : (noise ?? average);
  const facts = { width: result.width, height: result.height, level, ms: performance.now() - began };
  return [{ rgba: pixels.buffer, ...facts }, [pixels.buffer]];
}

async function reset() {
  stream?.reset();
  average = null;
  return [{}];
}

serveRequests({ open, restore, reset });
