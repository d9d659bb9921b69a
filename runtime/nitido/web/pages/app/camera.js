// The page of the camera: newest frame → model → canvas, again and again. No frame waits for another.
import { Compare, zoomButtons } from './compare.js';
import { byId, make, openPage, text } from './page.js';
import { startWorker } from './requests.js';
import { fieldValues, onFieldInput, refreshFields } from './strength-and-noise.js';

const KEPT = 30; // frames that the figures are of
const REFUSALS = { NotAllowedError: 'camera.denied', NotFoundError: 'camera.missing', OverconstrainedError: 'camera.missing', NotReadableError: 'camera.busy' };

openPage('camera', 'private.camera');
const compare = new Compare(byId('stage'));
zoomButtons(byId('zoom'), compare);
const video = byId('video');
const canvases = { before: make('canvas'), after: make('canvas') };
const contexts = {
  before: canvases.before.getContext('2d', { willReadFrequently: true }),
  after: canvases.after.getContext('2d'),
};
const figures = { latency: [], ms: [], shown: [] };
let known = null; // camera.json
let ask = null; // the worker, once it runs
let run = 0; // grows with every start and stop: a loop of an earlier run ends

const card = () => known.models.find(({ file }) => file === byId('model').value);
const say = (key) => {
  byId('state').textContent = text(key);
};

function refresh() {
  const on = Boolean(video.srcObject);
  byId('switch').textContent = text(on ? 'camera.stop' : 'camera.start');
  byId('switch').disabled = !known?.engine;
  byId('about').textContent = text('about', card());
  refreshFields({ strength: card().settings.includes('strength'), noise: card().settings.includes('noise') });
  byId('fresh-field').hidden = !card().states.length;
}

function fail(error) {
  const key = REFUSALS[error?.name];
  byId('problem').textContent = key ? text(key) : text('camera.failed', { reason: error?.message ?? error });
  stop();
}

function stop() {
  run += 1;
  for (const track of video.srcObject?.getTracks() ?? []) track.stop();
  video.srcObject = null;
  compare.show(null, null, 1, 1);
  say('camera.idle');
  for (const id of ['fps', 'latency', 'model-time', 'frame-size', 'noise', 'engine']) byId(id).textContent = '–';
  refresh();
}

async function start() {
  stop();
  const mine = run;
  byId('problem').textContent = '';
  if (!navigator.mediaDevices) {
    byId('problem').textContent = text('camera.insecure');
    return;
  }
  say('camera.opening');
  for (const list of Object.values(figures)) list.length = 0;
  try {
    const [width, height] = byId('size').value.split('x').map(Number);
    const which = byId('which').value;
    const wanted = { width: { ideal: width }, height: { ideal: height }, ...(which ? { deviceId: { exact: which } } : {}) };
    const media = await navigator.mediaDevices.getUserMedia({ video: wanted });
    if (mine !== run) {
      for (const track of media.getTracks()) track.stop();
      return;
    }
    video.srcObject = media;
    media.getVideoTracks()[0].addEventListener('ended', () => mine === run && fail({ name: 'NotFoundError' }));
    refresh();
    listCameras();
    ask ??= startWorker('camera-worker.js');
    const [{ threads }] = await Promise.all([ask('open', { engine: known.engine, card: card() }), video.play()]);
    if (mine !== run) return;
    byId('engine').textContent = text(threads === 1 ? 'engine.wasm.one' : 'engine.wasm', { threads });
    say('camera.live');
    while (mine === run) {
      await newFrame();
      if (mine === run) await step(mine);
    }
  } catch (error) {
    if (mine === run) fail(error);
  }
}

function newFrame() {
  return new Promise((resolve) => {
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(resolve);
    else requestAnimationFrame(resolve);
  });
}

async function step(mine) {
  const began = performance.now();
  const { videoWidth: width, videoHeight: height } = video;
  if (!width) return;
  const reader = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  reader.drawImage(video, 0, 0);
  const source = reader.getImageData(0, 0, width, height);
  const rgba = source.data.slice().buffer;
  const result = await ask('restore', { rgba, width, height, ...fieldValues() }, [rgba]);
  if (mine !== run) return;
  draw(source, result);
  const now = performance.now();
  figures.latency.push(now - began);
  figures.ms.push(result.ms);
  figures.shown.push(now);
  for (const list of Object.values(figures)) if (list.length > KEPT) list.shift();
  tell(result, width, height);
}

function draw(source, result) {
  const { width, height } = result;
  const fresh = canvases.after.width !== width || canvases.after.height !== height || !canvases.after.isConnected;
  if (fresh) {
    Object.assign(canvases.before, { width: source.width, height: source.height });
    Object.assign(canvases.after, { width, height });
    compare.show(canvases.before, canvases.after, width, height);
  }
  contexts.before.putImageData(source, 0, 0);
  contexts.after.putImageData(new ImageData(new Uint8ClampedArray(result.rgba), width, height), 0, 0);
}

function tell(result, width, height) {
  const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1].toFixed(0);
  const { shown } = figures;
  if (shown.length > 1) byId('fps').textContent = ((1000 * (shown.length - 1)) / (shown.at(-1) - shown[0])).toFixed(1);
  byId('latency').textContent = text('ms', { number: median(figures.latency) });
  byId('model-time').textContent = text('ms', { number: median(figures.ms) });
  byId('frame-size').textContent = `${width} × ${height}`;
  byId('noise').textContent = result.level === null ? '–' : result.level.toFixed(1);
}

async function listCameras() {
  const cameras = (await navigator.mediaDevices.enumerateDevices()).filter(({ kind, deviceId }) => kind === 'videoinput' && deviceId);
  const before = byId('which').value;
  const options = cameras.map(({ deviceId, label }, i) => make('option', { value: deviceId, textContent: label || text('camera.number', { number: i + 1 }) }));
  byId('which').replaceChildren(make('option', { value: '', textContent: text('camera.default') }), ...options);
  byId('which').value = before;
}

byId('switch').addEventListener('click', () => (video.srcObject ? stop() : start()));
for (const id of ['model', 'size', 'which']) {
  byId(id).addEventListener('change', () => {
    refresh();
    if (video.srcObject) start();
  });
}
onFieldInput(refresh);
byId('fresh').addEventListener('click', () => ask?.('reset'));

try {
  known = await (await fetch('camera.json')).json();
  byId('model').append(...known.models.map(({ name, file }) => make('option', { value: file, textContent: name })));
  byId('which').append(make('option', { value: '', textContent: text('camera.default') }));
  if (known.problem) byId('problem').textContent = text('camera.failed', { reason: known.problem });
  stop();
  if (navigator.mediaDevices) await listCameras();
} catch (error) {
  byId('problem').textContent = text('camera.failed', { reason: error.message });
}
document.documentElement.dataset.ready = 'true';
