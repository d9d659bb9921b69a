// A map of latents: dots and thumbnails on a canvas, which can be moved and zoomed. Everything it needs is in the page.
const data = JSON.parse(document.getElementById("data").textContent);
const canvas = document.getElementById("map"), stage = document.getElementById("stage");
const card = document.getElementById("card"), large = document.getElementById("large");
const show = document.getElementById("show");
const pen = canvas.getContext("2d");
const bytes = Uint8Array.from(atob(data.points), c => c.charCodeAt(0));
const points = new Float32Array(bytes.buffer); // x, y of each picture; y grows upwards
const count = data.paths.length;
const hidden = new Set(); // groups that are switched off
const NEAR = 14; // pixels from the pointer to the dot that it means
const view = { x: 0, y: 0, scale: 1 }; // the point in the middle, pixels per unit
let chosen = -1;
let stands = new Map(); // which picture's thumbnail stands in a cell of the canvas

document.getElementById("about").textContent = data.about;
document.getElementById("across").textContent = data.titles[0];
document.getElementById("up").textContent = data.titles[1];
show.parentElement.hidden = !data.sheets.length;

const sheets = data.sheets.map(source => {
  const image = new Image();
  image.onload = draw;
  image.src = source;
  return image;
});

function colour(i) { return data.colours.length ? data.colours[data.groups[i]] : "#0b6e5f"; }
function visible(i) { return !hidden.has(data.groups[i]); }
function place(i) {
  return [canvas.clientWidth / 2 + (points[2 * i] - view.x) * view.scale,
    canvas.clientHeight / 2 - (points[2 * i + 1] - view.y) * view.scale];
}
function thumbnail(to, i, left, top, side) {
  const image = sheets[Math.floor(i / data.each)], number = i % data.each;
  if (!image?.complete || !image.naturalWidth) return false;
  to.drawImage(image, (number % data.columns) * data.side, Math.floor(number / data.columns) * data.side, data.side,
    data.side, left, top, side, side);
  return true;
}

function thumbnailSide() { return Math.max(24, Math.min(data.side || 0, 64)); }
function cellOf(x, y) {
  const cell = thumbnailSide() + 4;
  return Math.floor(y / cell) * 10000 + Math.floor(x / cell);
}

function whole() {
  let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let i = 0; i < count; i++) {
    left = Math.min(left, points[2 * i]); right = Math.max(right, points[2 * i]);
    low = Math.min(low, points[2 * i + 1]); high = Math.max(high, points[2 * i + 1]);
  }
  view.x = (left + right) / 2;
  view.y = (low + high) / 2;
  view.scale = 0.92 * Math.min(canvas.clientWidth / Math.max(right - left, 1e-6), canvas.clientHeight / Math.max(high - low, 1e-6));
  draw();
}

let asked = false;
function draw() {
  if (!asked) requestAnimationFrame(() => { asked = false; paint(); });
  asked = true;
}

function paint() {
  const ratio = window.devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * ratio), height = Math.round(canvas.clientHeight * ratio);
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
  const side = thumbnailSide(), cell = side + 4;
  stands = new Map();
  for (let i = 0; i < count; i++) {
    if (!visible(i)) continue;
    const [x, y] = place(i);
    if (x < -side || y < -side || x > canvas.clientWidth + side || y > canvas.clientHeight + side) continue;
    pen.fillStyle = colour(i);
    pen.beginPath();
    pen.arc(x, y, 3, 0, 7);
    pen.fill();
  }
  // A thumbnail where it hides no other one, in an order that is the same every time.
  for (const i of show.checked && sheets.length ? data.order : []) {
    if (!visible(i)) continue;
    const [x, y] = place(i);
    if (x < 0 || y < 0 || x > canvas.clientWidth || y > canvas.clientHeight) continue;
    const key = cellOf(x, y), left = Math.floor(x / cell) * cell + 2, top = Math.floor(y / cell) * cell + 2;
    if (stands.has(key) || !thumbnail(pen, i, left, top, side)) continue;
    stands.set(key, i);
    pen.strokeStyle = colour(i);
    pen.lineWidth = 1.5;
    pen.strokeRect(left, top, side, side);
  }
  if (chosen >= 0) {
    const [x, y] = place(chosen);
    pen.strokeStyle = "#d55e00";
    pen.lineWidth = 2.5;
    pen.beginPath();
    pen.arc(x, y, 7, 0, 7);
    pen.stroke();
  }
}

function nearest(x, y) {
  let best = -1, least = NEAR * NEAR;
  for (let i = 0; i < count; i++) {
    if (!visible(i)) continue;
    const [a, b] = place(i), d = (a - x) ** 2 + (b - y) ** 2;
    if (d < least) [best, least] = [i, d];
  }
  return best;
}

/** What the pointer is on: the picture whose thumbnail it is on, else the nearest dot. */
function meant(x, y) {
  const shown = stands.get(cellOf(x, y)); // of the last drawing: its group may have been hidden since
  return shown !== undefined && visible(shown) ? shown : nearest(x, y);
}

function hover(event) {
  const box = canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
  const found = meant(x, y);
  if (found !== chosen) { chosen = found; draw(); }
  card.hidden = found < 0;
  if (found < 0) return;
  card.querySelector("figcaption").textContent = data.paths[found];
  large.hidden = !sheets.length;
  if (sheets.length) {
    large.width = large.height = data.side;
    thumbnail(large.getContext("2d"), found, 0, 0, data.side);
  }
  const right = x + 20 + card.offsetWidth > stage.clientWidth, low = y + 20 + card.offsetHeight > stage.clientHeight;
  card.style.left = `${Math.max(0, right ? x - 16 - card.offsetWidth : x + 16)}px`;
  card.style.top = `${Math.max(0, low ? y - 16 - card.offsetHeight : y + 16)}px`;
}

function zoom(factor, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) {
  const across = x - canvas.clientWidth / 2, down = y - canvas.clientHeight / 2;
  view.x += across / view.scale * (1 - 1 / factor);
  view.y -= down / view.scale * (1 - 1 / factor);
  view.scale *= factor;
  draw();
}

const held = new Map(); // pointers that are down: one moves the map, two zoom it
canvas.addEventListener("pointerdown", event => {
  canvas.setPointerCapture(event.pointerId);
  held.set(event.pointerId, [event.clientX, event.clientY]);
});
for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, event => held.delete(event.pointerId));
canvas.addEventListener("pointermove", event => {
  const before = held.get(event.pointerId);
  if (!before) return hover(event);
  const spread = () => { const [a, b] = [...held.values()]; return Math.hypot(a[0] - b[0], a[1] - b[1]); };
  const far = held.size === 2 ? spread() : 0;
  held.set(event.pointerId, [event.clientX, event.clientY]);
  view.x -= (event.clientX - before[0]) / view.scale / held.size;
  view.y += (event.clientY - before[1]) / view.scale / held.size;
  if (far > 0) zoom(spread() / far);
  draw();
});
canvas.addEventListener("pointerleave", () => { chosen = -1; card.hidden = true; draw(); });
canvas.addEventListener("wheel", event => {
  event.preventDefault();
  const box = canvas.getBoundingClientRect();
  zoom(Math.exp(-event.deltaY * 0.0015), event.clientX - box.left, event.clientY - box.top);
}, { passive: false });
canvas.addEventListener("keydown", event => {
  const step = 60 / view.scale;
  const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
  if (event.key === "+" || event.key === "=") zoom(1.3);
  else if (event.key === "-") zoom(1 / 1.3);
  else if (moves[event.key]) { view.x += moves[event.key][0]; view.y += moves[event.key][1]; draw(); }
  else return;
  event.preventDefault();
});

for (const [number, name] of data.names.entries()) {
  const button = document.createElement("button"), dot = document.createElement("i");
  dot.style.background = data.colours[number];
  button.append(dot, name || "(none)");
  button.setAttribute("aria-pressed", "true");
  button.onclick = () => {
    const off = !hidden.delete(number);
    if (off) hidden.add(number);
    button.setAttribute("aria-pressed", String(!off));
    draw();
  };
  document.getElementById("legend").append(button);
}
show.onchange = draw;
document.getElementById("whole").onclick = whole;
new ResizeObserver(draw).observe(canvas);
whole();
