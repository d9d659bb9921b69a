// An archive of files as they are: pictures do not get smaller.

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let value = n;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function crc32(bytes) {
  let value = -1;
  for (const byte of bytes) value = TABLE[(value ^ byte) & 255] ^ (value >>> 8);
  return ~value >>> 0;
}

// Little-endian numbers, each [bytes, value].
function numbers(...fields) {
  const view = new DataView(new ArrayBuffer(fields.reduce((sum, [size]) => sum + size, 0)));
  let at = 0;
  for (const [size, value] of fields) {
    if (size === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += size;
  }
  return new Uint8Array(view.buffer);
}

function free(name, taken) {
  let found = name;
  for (let number = 2; taken.has(found.toLowerCase()); number += 1) found = name.replace(/(\.[^./]*)?$/, ` (${number})$1`);
  taken.add(found.toLowerCase());
  return found;
}

// files: [{name, blob}]; a name that is taken gets a number. At most 4 GB together.
export async function zip(files) {
  const [parts, entries, taken] = [[], [], new Set()];
  let at = 0;
  for (const { name, blob } of files) {
    const label = new TextEncoder().encode(free(name, taken));
    const crc = crc32(new Uint8Array(await blob.arrayBuffer()));
    // Version 2.0, names in UTF-8, stored, 1 January 1980.
    const common = [[2, 20], [2, 0x800], [2, 0], [2, 0], [2, 33], [4, crc], [4, blob.size], [4, blob.size], [2, label.length], [2, 0]];
    const head = numbers([4, 0x04034b50], ...common);
    entries.push(numbers([4, 0x02014b50], [2, 20], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, at]), label);
    parts.push(head, label, blob);
    at += head.length + label.length + blob.size;
  }
  const size = entries.reduce((sum, { length }) => sum + length, 0);
  const end = numbers([4, 0x06054b50], [2, 0], [2, 0], [2, files.length], [2, files.length], [4, size], [4, at], [2, 0]);
  return new Blob([...parts, ...entries, end], { type: 'application/zip' });
}
