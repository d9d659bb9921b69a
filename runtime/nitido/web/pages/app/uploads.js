// Files and folders that were dropped or chosen, and how they are sent.

const PICTURES = /\.(jpe?g|jpe|jfif|mpo|png|apng|tiff?|webp|bmp|dib|p[bgpn]m|avif|hei[cf]|jxl)$/i;

// The pictures of a drop, folders searched, as [{file, name}]; name: with the folders that lead to it.
export async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return chosen(transfer.files);
  const found = [];
  for (const entry of entries) await walk(entry, '', found);
  return found;
}

export function chosen(files) {
  return [...files].map((file) => ({ file, name: file.webkitRelativePath || file.name }));
}

export const isPicture = ({ name }) => PICTURES.test(name);

async function walk(entry, before, found) {
  const name = before + entry.name;
  if (entry.isFile) {
    found.push({ file: await new Promise((resolve, reject) => entry.file(resolve, reject)), name });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const part = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!part.length) return;
    for (const inner of part) await walk(inner, `${name}/`, found);
  }
}

// Sends one file; sent(share) is called with 0..1 on the way. Resolves to what the program knows of it.
export function send({ file, name }, sent) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', `api/pictures?name=${encodeURIComponent(name)}`);
    request.responseType = 'json';
    request.upload.onprogress = ({ loaded, total }) => sent(total ? loaded / total : 1);
    request.onload = () => (request.status === 201 ? resolve(request.response) : reject(new Error(request.response?.problem ?? `${request.status}`)));
    request.onerror = () => reject(new TypeError('lost'));
    request.send(file);
  });
}
