// The example page: a camera, a picture or a video through the model onto a canvas.
import { fromRgba, open, toRgba } from './browser.js';

const LARGEST = { strength: 1, noise: 60 };
const byId = (id) => document.getElementById(id);
const status = byId('status');
const canvas = byId('canvas');
const reader = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
const settings = {};
let playing = null; // the video that is shown; a newer one ends its loop

function fail(error) {
  status.textContent = error.message;
}

const model = await open().catch((error) => {
  fail(error);
  throw error;
});
let stream = model.stream();

// A slider for each number that the model takes. The noise level is estimated until it is moved.
for (const name of model.card.settings) {
  const input = Object.assign(document.createElement('input'), { type: 'range', min: 0, max: LARGEST[name], step: 0.05 });
  input.value = name === 'strength' ? 1 : 0;
  input.id = name;
  input.addEventListener('input', () => {
    settings[name] = Number(input.value);
  });
  const label = document.createElement('label');
  label.append(`${name} `, input);
  byId('settings').append(label);
}

// Restores what a picture or video shows now, and draws it.
async function show(source, width, height) {
  reader.canvas.width = width;
  reader.canvas.height = height;
  reader.drawImage(source, 0, 0);
  const began = performance.now();
  const result = await stream.restore(fromRgba(reader.getImageData(0, 0, width, height).data, width, height), settings);
  const level = result.level === null ? '' : `, noise level ${result.level.toFixed(1)}`;
  canvas.width = result.width;
  canvas.height = result.height;
  canvas.getContext('2d').putImageData(new ImageData(toRgba(result), result.width, result.height), 0, 0);
  status.textContent = `${width}×${height} in ${(performance.now() - began).toFixed(0)} ms${level}`;
}

async function play(video) {
  playing = video;
  stream = model.stream();
  await video.play();
  while (playing === video && !video.ended) {
    await show(video, video.videoWidth, video.videoHeight);
    await new Promise(requestAnimationFrame);
  }
}

byId('camera').addEventListener('click', async () => {
  try {
    const camera = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
    await play(Object.assign(document.createElement('video'), { srcObject: camera, muted: true, playsInline: true }));
  } catch (error) {
    fail(error);
  }
});

byId('file').addEventListener('change', async ({ target: { files } }) => {
  try {
    const [file] = files;
    if (file.type.startsWith('video/')) {
      await play(Object.assign(document.createElement('video'), { src: URL.createObjectURL(file), muted: true }));
      return;
    }
    playing = null;
    stream = model.stream();
    const picture = await createImageBitmap(file);
    await show(picture, picture.width, picture.height);
  } catch (error) {
    fail(error);
  }
});

byId('reset').addEventListener('click', () => stream.reset());

status.textContent = 'Ready';
