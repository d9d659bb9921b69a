// Rows of the list of pictures, and what the viewer shows.
import { byId, make } from './page.js';

export function row(name) {
  const what = make('span', { className: 'what' });
  const pick = make('button', { type: 'button', className: 'pick' }, make('span', { className: 'file', textContent: name, title: name }), what);
  const acts = make('span', { className: 'acts' });
  const element = make('li', {}, pick, acts);
  byId('list').append(element);
  return { element, what, pick, acts, progress: null, notes: null, item: null };
}

export function bar(one, value) {
  one.progress ??= one.element.appendChild(make('progress', { max: 1 }));
  if (value === null) one.progress.removeAttribute('value');
  else one.progress.value = value;
}

export function unbar(one) {
  one.progress?.remove();
  one.progress = null;
}

// Resolves to null where the browser cannot show it.
export function picture(address, label) {
  return new Promise((resolve) => {
    const image = make('img', { alt: label, src: address });
    image.onload = () => resolve(image);
    image.onerror = () => resolve(null);
  });
}
