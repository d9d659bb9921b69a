// The pictures of a page that nitido app serves: the program keeps and restores them.
import { text } from './page.js';

async function ask(address, method = 'GET', content = undefined) {
  let answer;
  try {
    answer = await fetch(address, { method, body: content && JSON.stringify(content) });
  } catch {
    throw new Error(text('lost'));
  }
  const known = answer.headers.get('Content-Type')?.startsWith('application/json') ? await answer.json() : null;
  if (!answer.ok) throw new Error(known?.problem ?? `${answer.status}`);
  return known;
}

export const offered = () => ask('api/offered');
export const list = () => ask('api/pictures');
export const start = (ids, wish) => ask('api/start', 'POST', { ...wish, ids });
export const stop = () => ask('api/stop', 'POST');
export const remove = (id) => ask(`api/pictures/${id}`, 'DELETE');
export const clear = () => ask('api/pictures', 'DELETE');
export const preview = ({ id, version }, side) => `api/pictures/${id}/${side}.jpg?${version}`;
export const result = ({ id }) => `api/pictures/${id}/result`;
export const archive = async () => 'api/results.zip';

// Sends one file; sent(share) is called with 0..1 on the way. Resolves to what the program knows of it.
export function take({ file, name }, sent) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', `api/pictures?name=${encodeURIComponent(name)}`);
    request.responseType = 'json';
    request.upload.onprogress = ({ loaded, total }) => sent(total ? loaded / total : 1);
    request.onload = () => (request.status === 201 ? resolve(request.response) : reject(new Error(request.response?.problem ?? `${request.status}`)));
    request.onerror = () => reject(new Error(text('lost')));
    request.send(file);
  });
}
