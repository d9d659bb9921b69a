// Files and folders that were dropped or chosen.

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

export const isPicture = ({ name }, suffixes) => suffixes.some((suffix) => name.toLowerCase().endsWith(suffix));

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
