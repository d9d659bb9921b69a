// The page of pictures: settings, a list with what becomes of each, and a viewer.
import { Compare, zoomButtons } from './compare.js';
import { byId, choice, make, openPage, text } from './page.js';
import { bar, picture, row, unbar } from './rows.js';
import { fieldValues, onFieldInput, refreshFields } from './strength-and-noise.js';
import { chosen, dropped, isPicture } from './uploads.js';

const local = document.documentElement.dataset.app === 'static'; // no program behind the page
const shelf = await import(local ? './local-shelf.js' : './remote-shelf.js');
const POLL = 400; // ms between two looks at what is in work
const rows = new Map(); // id → {element, item}
const failures = []; // rows of files that were not taken
const settings = { task: 'denoise', quality: 'fast', scale: 2 };
let shown = null; // id
let shownVersion = -1;
let polling = false;
let sending = 0;
let suffixes = [];
const begun = new Map(); // id → wish that it was last started with, as text

openPage('pictures', local ? 'private.browser' : 'private');
byId('formats').textContent = text(local ? 'drop.formats.browser' : 'drop.formats');
const compare = new Compare(byId('stage'));
zoomButtons(byId('zoom'), compare);

const problem = (error) => {
  byId('problem').textContent = error?.message ?? '';
};
const attempt = (action) => async (event) => {
  try {
    problem(null);
    await action(event);
  } catch (error) {
    problem(error);
  }
};

// Settings

function refreshSettings() {
  byId('task-hint').textContent = text(`task.${settings.task}.hint`);
  byId('quality-field').hidden = settings.task !== 'denoise';
  byId('scale-field').hidden = settings.task !== 'upscale';
  refreshFields({ strength: settings.task !== 'upscale', noise: settings.task === 'denoise' });
}

const wish = () => ({
  ...settings,
  ...fieldValues(),
  format: byId('format').value,
});

function chooseWith(name, values, named) {
  const press = choice(byId(name), values, named, (value) => {
    settings[name] = value;
    refreshSettings();
    refreshList();
  });
  press(settings[name]);
}

// List

function update(one, item) {
  const changed = JSON.stringify(one.item) !== JSON.stringify(item);
  if (!changed) return;
  one.item = item;
  one.element.className = `${item.state}${item.id === shown ? ' shown' : ''}`;
  const noise = item.noise === null ? null : item.noise.toFixed(1);
  one.what.textContent = item.state === 'done' && noise ? text('state.noise', { noise }) : text(`state.${item.state}`, item);
  if (item.state === 'working') bar(one, item.share ?? null);
  else unbar(one);
  one.pick.setAttribute('aria-current', String(item.id === shown));
  const remove = make('button', { type: 'button', className: 'plain small', textContent: '✕', title: text('remove', item) });
  remove.setAttribute('aria-label', text('remove', item));
  remove.addEventListener('click', attempt(() => drop(item.id)));
  const acts = [remove];
  if (item.result) {
    const save = make('a', { className: 'plain small', textContent: '↓', href: shelf.result(item), title: text('save', item) });
    save.setAttribute('aria-label', text('save', item));
    save.setAttribute('download', item.result.split('/').at(-1));
    acts.unshift(save);
  }
  const focused = one.acts.contains(document.activeElement);
  one.acts.replaceChildren(...acts);
  if (focused) acts.at(-1).focus();
  one.notes?.remove();
  one.notes = item.notes.length ? one.element.appendChild(make('p', { className: 'notes', textContent: item.notes.join('; ') })) : null;
}

// What has not been done with the settings as they are.
function startable() {
  const now = JSON.stringify(wish());
  return [...rows].filter(([id, { item }]) => item.state !== 'queued' && item.state !== 'working' && (item.state === 'waiting' || begun.get(id) !== now)).map(([id]) => id);
}

function refreshList() {
  const items = [...rows.values()].map((one) => one.item);
  const count = (...states) => items.filter(({ state }) => states.includes(state)).length;
  const failed = count('failed') + failures.length;
  const any = rows.size + failures.length + sending > 0;
  byId('list-block').hidden = !any;
  byId('viewer').hidden = !rows.size;
  byId('drop').classList.toggle('large', !any);
  const values = { done: count('done'), count: rows.size + failures.length, failed };
  const line = text(failed ? 'summary.failed' : 'summary', values);
  if (byId('summary').textContent !== line) byId('summary').textContent = line;
  byId('stop').hidden = !count('queued');
  byId('save-all').hidden = !items.some(({ result }) => result);
  const open = startable().length;
  byId('start').disabled = !open;
  byId('start').textContent = open ? text('start', { count: open }) : text('start.none');
}

async function look() {
  const items = await shelf.list();
  for (const item of items) {
    if (!rows.has(item.id)) continue;
    update(rows.get(item.id), item);
  }
  refreshList();
  const current = rows.get(shown)?.item;
  if (current && current.version !== shownVersion) await show(shown);
  return items.some(({ state }) => state === 'queued' || state === 'working');
}

async function poll() {
  if (polling) return;
  polling = true;
  try {
    while (await look()) await new Promise((resolve) => setTimeout(resolve, POLL));
  } catch (error) {
    problem(error);
  } finally {
    polling = false;
  }
}

async function drop(id) {
  await shelf.remove(id);
  begun.delete(id);
  const after = rows.get(id).element.nextElementSibling ?? rows.get(id).element.previousElementSibling;
  rows.get(id).element.remove();
  rows.delete(id);
  (after?.querySelector('.pick') ?? byId('choose-files')).focus();
  if (shown === id) {
    shown = null;
    const next = rows.keys().next().value;
    if (next) await show(next);
    else compare.show(null, null, 1, 1);
  }
  refreshList();
}

// Viewer

async function show(id) {
  const other = id !== shown;
  shown = id;
  const { item } = rows.get(id);
  shownVersion = item.version;
  for (const one of rows.values()) {
    one.element.classList.toggle('shown', one.item.id === id);
    one.pick.setAttribute('aria-current', String(one.item.id === id));
  }
  const [before, after] = await Promise.all([
    picture(shelf.preview(item, 'before'), `${text('before')}: ${item.name}`),
    item.result ? picture(shelf.preview(item, 'after'), `${text('after')}: ${item.name}`) : null,
  ]);
  if (shown !== id || rows.get(id)?.item.version !== item.version) return; // another one meanwhile
  byId('nothing').textContent = before || after ? '' : item.state === 'failed' ? text('state.failed', item) : text('unshown');
  const larger = after ?? before;
  compare.show(before, after, larger?.naturalWidth ?? 1, larger?.naturalHeight ?? 1, { keep: !other });
}

// Files

async function take(found) {
  problem(null);
  const pictures = found.filter((one) => isPicture(one, suffixes));
  if (pictures.length < found.length) problem(new Error(text('skipped', { count: found.length - pictures.length })));
  for (const one of pictures) {
    const line = row(one.name);
    sending += 1;
    bar(line, 0);
    refreshList();
    try {
      const item = await shelf.take(one, (share) => {
        bar(line, share);
        line.what.textContent = text('state.sending', { percent: Math.round(100 * share) });
      });
      unbar(line);
      rows.set(item.id, line);
      update(line, item);
      line.pick.addEventListener('click', () => show(item.id));
      if (shown === null) show(item.id);
    } catch (error) {
      unbar(line);
      line.element.className = 'failed';
      line.what.textContent = text('state.failed', { reason: error.message });
      failures.push(line);
    }
    sending -= 1;
    refreshList();
  }
}

byId('choose-files').addEventListener('click', () => byId('files').click());
byId('choose-folder').addEventListener('click', () => byId('folder').click());
for (const id of ['files', 'folder']) {
  byId(id).addEventListener('change', async ({ target }) => {
    const found = chosen(target.files);
    target.value = '';
    await take(found);
  });
}
document.addEventListener('dragover', (event) => {
  event.preventDefault();
  byId('drop').classList.add('over');
});
document.addEventListener('dragleave', (event) => {
  if (!event.relatedTarget) byId('drop').classList.remove('over');
});
document.addEventListener('drop', attempt(async (event) => {
  event.preventDefault();
  byId('drop').classList.remove('over');
  await take(await dropped(event.dataTransfer));
}));

byId('start').addEventListener('click', attempt(async () => {
  const [ids, wanted] = [startable(), wish()];
  for (const id of ids) begun.set(id, JSON.stringify(wanted));
  await shelf.start(ids, wanted);
  poll();
}));
byId('stop').addEventListener('click', attempt(async () => {
  await shelf.stop();
  poll();
}));
byId('clear').addEventListener('click', attempt(async () => {
  await shelf.clear();
  begun.clear();
  rows.clear();
  failures.length = 0;
  shown = null;
  byId('list').replaceChildren();
  compare.show(null, null, 1, 1);
  refreshList();
}));
onFieldInput(() => {
  refreshSettings();
  refreshList();
});
byId('format').addEventListener('input', refreshList);
byId('save-all').addEventListener('click', attempt(async (event) => {
  event.preventDefault();
  make('a', { href: await shelf.archive(), download: 'nitido.zip' }).click();
}));

// What is there from before, when the page is loaded again.
try {
  const offered = await shelf.offered();
  suffixes = offered.suffixes;
  if (offered.problem) problem(new Error(offered.problem));
  chooseWith('task', offered.tasks, (value) => text(`task.${value}`));
  chooseWith('quality', offered.qualities, (value) => text(`quality.${value}`));
  chooseWith('scale', offered.scales, (value) => `×${value}`);
  byId('format').append(...offered.formats.map((value) => make('option', { value, textContent: text(`format.${value}`) })));
  for (const item of await shelf.list()) {
    const line = row(item.name);
    rows.set(item.id, line);
    begun.set(item.id, JSON.stringify(wish()));
    update(line, item);
    line.pick.addEventListener('click', () => show(item.id));
  }
  if (rows.size) show(rows.keys().next().value);
  poll();
} catch (error) {
  problem(error);
}
refreshSettings();
refreshList();
document.documentElement.dataset.ready = 'true';
