// The pictures of a page without a program behind it: this browser keeps and restores them.
import { text } from './page.js';
import { startWorker } from './requests.js';
import { zip } from './zip.js';

const KINDS = { png: 'image/png', jpeg: 'image/jpeg' };
const SUFFIXES = ['.png', '.jpg', '.jpeg', '.jpe', '.jfif'];
const items = new Map(); // id → facts, and: file, blobs and addresses, which stay here
let known = null; // pictures.json
let ask = null; // the worker, once it runs
let opened = ''; // model that it holds
let last = 0;
let working = false;
let queue = []; // {item, wish}

export async function offered() {
  known = await (await fetch('pictures.json')).json();
  return { ...known.offered, formats: ['same', ...Object.keys(KINDS)], suffixes: SUFFIXES };
}

const facts = ({ id, name, state, reason, notes, noise, version, result, share }) => ({ id, name, state, reason, notes, noise, version, result, share });

export const list = async () => [...items.values()].map(facts);

export async function take({ file, name }) {
  const item = { id: `p${++last}`, name, file, before: URL.createObjectURL(file), after: null, blob: null, state: 'waiting', reason: '', notes: [], noise: null, version: 0, result: null, share: null };
  items.set(item.id, item);
  return facts(item);
}

export async function start(ids, wish) {
  for (const item of ids.map((id) => items.get(id)).filter(({ state }) => state !== 'queued' && state !== 'working')) {
    Object.assign(item, { state: 'queued', reason: '' });
    queue.push({ item, wish });
  }
  work();
}

export async function stop() {
  for (const { item } of queue) item.state = item.result ? 'done' : 'waiting';
  queue = [];
}

export async function remove(id) {
  const { before, after } = items.get(id);
  for (const address of [before, after]) if (address) URL.revokeObjectURL(address);
  queue = queue.filter(({ item }) => item.id !== id);
  items.delete(id);
}

export async function clear() {
  for (const id of [...items.keys()]) await remove(id);
}

export const preview = ({ id }, side) => items.get(id)[side];
export const result = ({ id }) => items.get(id).after;

export async function archive() {
  const done = [...items.values()].filter(({ blob }) => blob);
  return URL.createObjectURL(await zip(done.map(({ result: name, blob }) => ({ name, blob }))));
}

async function work() {
  if (working) return;
  working = true;
  for (let next; (next = queue.shift()); ) {
    const { item, wish } = next;
    item.state = 'working';
    try {
      await restore(item, wish);
      item.state = 'done';
    } catch (error) {
      Object.assign(item, { state: 'failed', reason: error.message });
    }
    item.share = null;
  }
  working = false;
}

async function restore(item, { task, quality, scale, strength, noise, format }) {
  const file = known.use[task][task === 'denoise' ? quality : task === 'upscale' ? scale : 'any'];
  const card = known.models.find((model) => model.file === file);
  ask ??= startWorker('pictures-worker.js');
  if (opened !== file) {
    opened = '';
    await ask('open', { engine: known.engine, card });
    opened = file;
  }
  const kind = format === 'same' ? (/\.png$/i.test(item.name) ? 'png' : 'jpeg') : format;
  let bitmap;
  try {
    bitmap = await createImageBitmap(item.file);
  } catch {
    throw new Error(text('undecodable'));
  }
  const progress = (share) => {
    item.share = share;
  };
  const request = { bitmap, strength, noise: task === 'denoise' ? noise : null, type: KINDS[kind] };
  const { blob, level } = await ask('restore', request, [bitmap], progress);
  if (!items.has(item.id)) return;
  if (item.after) URL.revokeObjectURL(item.after);
  const suffix = format === 'same' ? item.name.match(/\.[^.]*$/)[0] : kind === 'png' ? '.png' : '.jpg';
  Object.assign(item, { blob, after: URL.createObjectURL(blob), noise: level, result: item.name.replace(/\.[^.]*$/, suffix), version: item.version + 1 });
}
