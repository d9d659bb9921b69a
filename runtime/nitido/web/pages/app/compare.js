// Before and after in one place: a bar divides them, both zoom and move together.
import { make, text } from './page.js';

const MOST = 16; // CSS pixels for one of the picture
const STEP = 1.25;
const NEAR = 28; // CSS pixels around the bar where a drag takes it

export class Compare {
  #stage;
  #pair = { before: null, after: null };
  #size = [1, 1];
  #place = null; // {scale, x, y}; null: as large as fits
  #at = 0.5;
  #layers = {};
  #range;
  #bar = make('div', { className: 'bar' });

  constructor(stage) {
    this.#stage = stage;
    for (const side of ['after', 'before']) {
      this.#layers[side] = make('div', { className: `layer ${side}` });
      stage.append(this.#layers[side], make('span', { className: `tag ${side}`, textContent: text(side) }));
    }
    this.#range = make('input', { type: 'range', min: 0, max: 100, value: 50, step: 1, className: 'at' });
    this.#range.setAttribute('aria-label', text('compare.at'));
    this.#range.addEventListener('input', () => this.#split(this.#range.value / 100));
    this.#bar.setAttribute('aria-hidden', 'true');
    stage.append(this.#bar, this.#range);
    stage.addEventListener('pointerdown', (event) => this.#drag(event));
    stage.addEventListener('wheel', (event) => this.#wheel(event), { passive: false });
    stage.addEventListener('keydown', (event) => this.#key(event));
    new ResizeObserver(() => this.#draw()).observe(stage);
    this.#split(0.5);
  }

  // before, after: elements, each drawn `width` × `height` pixels large; either may be null. keep: the place as it is.
  show(before, after, width, height, { keep = false } = {}) {
    const same = this.#size[0] === width && this.#size[1] === height;
    this.#pair = { before, after };
    this.#size = [width, height];
    if (!keep || !same) this.#place = null;
    for (const side of ['before', 'after']) this.#layers[side].replaceChildren(...(this.#pair[side] ? [this.#pair[side]] : []));
    this.#stage.classList.toggle('single', !before || !after);
    this.#stage.classList.toggle('empty', !before && !after);
    this.#draw();
  }

  fit() {
    this.#place = null;
    this.#draw();
  }

  // One pixel of the picture on one of the screen.
  full() {
    this.#zoom((1 / devicePixelRatio) / this.#now().scale);
  }

  closer() {
    this.#zoom(STEP);
  }

  further() {
    this.#zoom(1 / STEP);
  }

  get #view() {
    return [this.#stage.clientWidth, this.#stage.clientHeight];
  }

  #fitting() {
    const [w, h] = this.#view;
    const scale = Math.min(w / this.#size[0], h / this.#size[1], MOST);
    return { scale, x: (w - this.#size[0] * scale) / 2, y: (h - this.#size[1] * scale) / 2 };
  }

  #now() {
    return this.#place ?? this.#fitting();
  }

  #zoom(factor, x = this.#view[0] / 2, y = this.#view[1] / 2) {
    const now = this.#now();
    const scale = Math.min(MOST, Math.max(this.#fitting().scale, now.scale * factor));
    const ratio = scale / now.scale;
    this.#move({ scale, x: x - (x - now.x) * ratio, y: y - (y - now.y) * ratio });
  }

  // Keeps the picture in view.
  #move(place) {
    if (place.scale <= this.#fitting().scale * 1.001) {
      this.fit();
      return;
    }
    const within = (at, view, size) => (size <= view ? (view - size) / 2 : Math.min(0, Math.max(view - size, at)));
    const [w, h] = this.#view;
    this.#place = {
      scale: place.scale,
      x: within(place.x, w, this.#size[0] * place.scale),
      y: within(place.y, h, this.#size[1] * place.scale),
    };
    this.#draw();
  }

  #split(at) {
    this.#at = Math.min(1, Math.max(0, at));
    this.#range.value = Math.round(100 * this.#at);
    this.#stage.style.setProperty('--at', `${100 * this.#at}%`);
  }

  #draw() {
    const { scale, x, y } = this.#now();
    for (const element of Object.values(this.#pair)) {
      if (!element) continue;
      element.style.width = `${this.#size[0] * scale}px`;
      element.style.height = `${this.#size[1] * scale}px`;
      element.style.translate = `${x}px ${y}px`;
      element.style.imageRendering = scale * devicePixelRatio > 2 ? 'pixelated' : 'auto';
    }
    this.#stage.classList.toggle('zoomed', Boolean(this.#place));
  }

  #drag(start) {
    if (start.button || start.target === this.#range) return;
    const box = this.#stage.getBoundingClientRect();
    const splits = !this.#place || Math.abs(start.clientX - box.left - this.#at * box.width) < NEAR;
    const from = this.#now();
    const follow = (event) => {
      if (splits) this.#split((event.clientX - box.left) / box.width);
      else this.#move({ ...from, x: from.x + event.clientX - start.clientX, y: from.y + event.clientY - start.clientY });
    };
    const end = () => {
      this.#stage.removeEventListener('pointermove', follow);
      for (const kind of ['pointerup', 'pointercancel']) this.#stage.removeEventListener(kind, end);
    };
    this.#stage.setPointerCapture(start.pointerId);
    this.#stage.addEventListener('pointermove', follow);
    for (const kind of ['pointerup', 'pointercancel']) this.#stage.addEventListener(kind, end);
    follow(start);
  }

  #wheel(event) {
    if (this.#stage.classList.contains('empty')) return;
    event.preventDefault();
    const box = this.#stage.getBoundingClientRect();
    this.#zoom(event.deltaY < 0 ? STEP : 1 / STEP, event.clientX - box.left, event.clientY - box.top);
  }

  #key(event) {
    const step = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (event.key === '+' || event.key === '=') this.closer();
    else if (event.key === '-') this.further();
    else if (event.key === '0') this.fit();
    else if (step && event.target === this.#stage && this.#place) {
      const now = this.#now();
      this.#move({ ...now, x: now.x + 60 * step[0], y: now.y + 60 * step[1] });
    } else return;
    event.preventDefault();
  }
}

// The buttons below a stage.
export function zoomButtons(group, compare) {
  const actions = { 'zoom.out': () => compare.further(), 'zoom.in': () => compare.closer(), 'zoom.fit': () => compare.fit(), 'zoom.full': () => compare.full() };
  const signs = { 'zoom.out': '−', 'zoom.in': '+' };
  for (const [key, action] of Object.entries(actions)) {
    const button = make('button', { type: 'button', className: 'plain', textContent: signs[key] ?? text(key) });
    button.setAttribute('aria-label', text(key));
    button.addEventListener('click', action);
    group.append(button);
  }
}
