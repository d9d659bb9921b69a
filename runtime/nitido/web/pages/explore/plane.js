// The square: pictures of what lies where, the place one is at, pins and the way between them.

const GAP = 1; // pixels between cells
const STEP = 1 / 60; // of the plane's side, for an arrow key
const LEAP = 1 / 12; // with Shift

export class Plane {
  #space;
  #element;
  #grid;
  #here;
  #reticle = [0.5, 0.5]; // shares across and up

  // count: of cells, about. width, height: of one, in pixels. move(shares), begin(), end(): what the user does.
  constructor(element, space, { count, width, height, move, begin, end }) {
    this.#element = element;
    this.#space = space;
    this.#grid = element.querySelector("#grid");
    this.#here = element.querySelector("#here");
    this.columns = Math.max(3, Math.round(Math.sqrt((count * height) / width)));
    this.rows = Math.max(3, Math.round(Math.sqrt((count * width) / height)));
    this.cell = { width, height };
    this.#grid.width = this.columns * (width + GAP) - GAP;
    this.#grid.height = this.rows * (height + GAP) - GAP;
    this.axes = { across: 0, up: space.size > 1 ? 1 : 0 };
    this.#listen(move, begin, end);
  }

  #listen(move, begin, end) {
    const element = this.#element;
    const follow = (event) => {
      const box = element.getBoundingClientRect();
      move([share((event.clientX - box.left) / box.width), share(1 - (event.clientY - box.top) / box.height)]);
    };
    element.addEventListener("pointerdown", (event) => {
      if (event.button || !event.isPrimary) return;
      element.setPointerCapture(event.pointerId);
      begin();
      follow(event);
    });
    element.addEventListener("pointermove", (event) => {
      if (element.hasPointerCapture(event.pointerId)) follow(event);
    });
    element.addEventListener("lostpointercapture", end);
    element.addEventListener("keydown", (event) => {
      const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] }[event.key];
      if (!direction || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      const far = event.shiftKey ? LEAP : STEP;
      move(this.#reticle.map((value, i) => share(value + far * direction[i])));
    });
  }

  // Where the place z lies on the plane: shares across and up, beyond 0..1 when it is outside.
  sharesOf(z) {
    const { across, up } = this.axes;
    return [this.#space.share(across, z[across]), up === across ? 0.5 : this.#space.share(up, z[up])];
  }

  // The place on the plane through z at these shares.
  placeAt(z, [across, up]) {
    const place = z.slice();
    place[this.axes.across] = this.#space.at(this.axes.across, across);
    if (this.axes.up !== this.axes.across) place[this.axes.up] = this.#space.at(this.axes.up, up);
    return place;
  }

  show(z) {
    const shares = this.sharesOf(z);
    this.#reticle = shares.map(share);
    put(this.#here, this.#reticle);
    this.#here.classList.toggle("beyond", shares.some((value, i) => Math.abs(value - this.#reticle[i]) > 1e-6));
    const { across, up } = this.axes;
    this.#element.setAttribute("aria-valuenow", (100 * this.#reticle[0]).toFixed(1));
    this.#element.setAttribute("aria-valuetext", [across, up].map((axis) => `z${axis} ${this.#space.shown(axis, z[axis])}`).join(", "));
  }

  // pins: A and B, each a place or null. way: places between them.
  mark(pins, way) {
    for (const [name, z] of Object.entries(pins)) {
      const mark = this.#element.querySelector(`#mark-${name}`);
      mark.hidden = !z;
      if (z) put(mark, this.sharesOf(z).map(share));
    }
    const points = way.map((z) => this.sharesOf(z)).map(([x, y]) => `${(100 * x).toFixed(2)},${(100 - 100 * y).toFixed(2)}`);
    for (const line of this.#element.querySelectorAll("polyline")) line.setAttribute("points", points.join(" "));
  }

  // The middles of the cells on the plane through z, those near the place one is at first: [{column, row, z}].
  places(z) {
    const [x, y] = this.#reticle;
    const found = [];
    for (let row = 0; row < this.rows; row++) {
      for (let column = 0; column < this.columns; column++) {
        const shares = [(column + 0.5) / this.columns, 1 - (row + 0.5) / this.rows];
        found.push({ column, row, z: this.placeAt(z, shares), far: Math.hypot(shares[0] - x, shares[1] - y) });
      }
    }
    return found.sort((a, b) => a.far - b.far);
  }

  // Draws what a canvas holds into a cell.
  paint({ column, row }, source) {
    const { width, height } = this.cell;
    const drawing = this.#grid.getContext("2d");
    drawing.imageSmoothingQuality = "high";
    drawing.drawImage(source, column * (width + GAP), row * (height + GAP), width, height);
  }

  // Whether the pictures are those of another plane.
  set old(on) { this.#grid.classList.toggle("old", on); }
}

function share(value) { return Math.max(0, Math.min(1, value)); }

function put(element, [across, up]) {
  element.style.left = `${100 * across}%`;
  element.style.top = `${100 - 100 * up}%`;
}
