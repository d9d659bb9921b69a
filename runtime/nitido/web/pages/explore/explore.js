// The page: one place z in the latent space, which everything here shows and moves.

import { Numbers, showClasses } from "./controls.js";
import { Decoding, openDecoder } from "./decoding.js";
import { Melody, Player } from "./melody.js";
import { byId, openPage, text } from "./page.js";
import { Picture } from "./picture.js";
import { Plane } from "./plane.js";
import { Space } from "./space.js";
import { Walk } from "./walk.js";

const FEW = 4; // dimensions whose sliders fit next to the plane
const SETTLED = 150; // ms without a change after which the plane's pictures are made again

function say(sentence, kind) {
  byId("state").textContent = sentence;
  byId("state").className = kind;
}

function broken(error) {
  say(text("explore.broken", { reason: error.message }), "broken");
}

class Page {
  #model;
  #medium; // how what is decoded is drawn
  #space;
  #decoding;
  #plane;
  #numbers;
  #walk;
  #z;
  #label = 0;
  #decoded = null; // what was decoded last
  #costs = [];
  #asked = false;
  #source = null; // the control that moved last
  #settling = 0;

  // engine: its name.
  constructor(model, worker, engine) {
    this.#model = model;
    this.#medium = model.medium === "melody" ? new Melody(model) : new Picture(model);
    this.#space = new Space(model);
    this.#z = this.#space.centre.slice();
    this.#decoding = new Decoding(worker.decode, broken);
    this.#plane = new Plane(byId("plane"), this.#space, {
      ...this.#medium.cells,
      move: (shares) => this.#go(this.#plane.placeAt(this.#z, shares)),
      begin: () => { this.#walk.stop(); this.#decoding.hold(true); },
      end: () => this.#decoding.hold(false),
    });
    const moved = (place, source) => { this.#walk.stop(); this.#go(place, source); };
    this.#numbers = new Numbers(this.#space, { place: () => this.#z, moved });
    this.#walk = new Walk({
      arc: model.normal && model.size > 2,
      place: () => this.#z,
      go: (place) => this.#go(place),
      changed: () => this.#plane.mark(this.#walk.pins, this.#walk.way),
      pinned: () => this.#thumbs(),
    });
    showClasses(model.labels, (chosen) => {
      this.#label = chosen;
      this.#relay();
      this.#thumbs();
      this.#go(this.#z);
    });
    byId("random").addEventListener("click", () => moved(this.#space.random()));
    byId("reset").addEventListener("click", () => moved(this.#space.centre.slice()));
    byId("save").addEventListener("click", () => this.#save());
    if (model.medium === "melody") this.#offerSound();
    this.#describe(engine);
    this.#chooseAxes();
    this.#showAxes();
    this.#show();
    new ResizeObserver(() => this.#fit()).observe(byId("picture").parentElement);
  }

  begin() {
    this.#go(this.#z);
    this.#lay();
  }

  // Moving: everything follows in the next frame of the screen, whatever came in between.
  #go(place, source = null) {
    const shown = Object.values(this.#plane.axes);
    if (place.some((value, axis) => !shown.includes(axis) && value !== this.#z[axis])) this.#relay();
    this.#z = place;
    this.#source = source;
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame(() => {
      this.#asked = false;
      this.#show();
      this.#decoding.show(this.#z, this.#label, (data, ms) => this.#draw(data, ms));
    });
  }

  #show() {
    this.#plane.show(this.#z);
    this.#numbers.show(this.#z, this.#source);
  }

  #draw(data, ms) {
    this.#decoded = data;
    this.#medium.draw(byId("picture"), data);
    this.#costs = [...this.#costs.slice(-14), ms];
    const middle = [...this.#costs].sort((a, b) => a - b)[this.#costs.length >> 1];
    byId("cost").textContent = `${middle.toFixed(middle < 10 ? 1 : 0)} ms`;
    byId("per").textContent = text(`explore.per.${this.#medium.one}`);
  }

  // The plane's pictures, again once nothing has changed for a while.
  #relay() {
    this.#plane.old = true;
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.#lay(), SETTLED);
  }

  #lay() {
    const cells = this.#plane.places(this.#z);
    const canvas = document.createElement("canvas");
    this.#decoding.fill("grid", cells.map((cell) => cell.z), this.#label, (index, data) => {
      this.#plane.old = false;
      this.#medium.drawSmall(canvas, data);
      this.#plane.paint(cells[index], canvas);
    });
  }

  #thumbs() {
    for (const [name, place] of Object.entries(this.#walk.pins)) {
      if (!place) continue;
      const canvas = byId(`thumb-${name}`);
      this.#decoding.fill(name, [place], this.#label, (_, data) => this.#medium.drawSmall(canvas, data));
    }
  }

  #chooseAxes() {
    const { size } = this.#model;
    byId("axes").classList.toggle("fixed", size < 3);
    for (const [name, other] of [["across", "up"], ["up", "across"]]) {
      byId(name).append(...Array.from({ length: size }, (_, axis) => new Option(`z${axis}`, axis)));
      byId(name).disabled = size < 3;
      byId(name).addEventListener("change", () => {
        const axes = { ...this.#plane.axes, [name]: Number(byId(name).value) };
        if (axes[name] === axes[other]) axes[other] = this.#plane.axes[name]; // they change places
        this.#plane.axes = axes;
        this.#showAxes();
        this.#plane.mark(this.#walk.pins, this.#walk.way);
        this.#relay();
        this.#go(this.#z);
      });
    }
  }

  #showAxes() {
    const { across, up } = this.#plane.axes;
    [byId("across").value, byId("up").value] = [across, up];
    this.#numbers.axes = [across, up];
    const reach = (axis) => `${this.#space.shown(axis, this.#space.low(axis))} … ${this.#space.shown(axis, this.#space.high(axis))}`;
    byId("reach").textContent = [...new Set([reach(across), reach(up)])].join(" × ");
  }

  #describe(engine) {
    const { name, kind, size, summary, file, bytes } = this.#model;
    document.title = text("title.explore.model", { name });
    byId("desk").classList.toggle("few", size <= FEW);
    byId("desk").classList.add(this.#medium.one);
    byId("about").textContent = [
      ...(byId("model-field").hidden ? [name] : []), kind,
      text(size === 1 ? "explore.size.one" : "explore.size", { size }), this.#medium.described,
    ].join(" · ");
    byId("footer").textContent = text("explore.footer", { summary, engine, file, size: Math.ceil(bytes / 1000) });
  }

  // The picture as large as there is room.
  #fit() {
    const frame = byId("picture").parentElement;
    const narrow = matchMedia("(max-width: 860px)").matches; // where its height is given
    this.#medium.fit(byId("picture"), { width: frame.clientWidth, height: narrow ? frame.clientHeight : frame.clientWidth });
    if (this.#decoded) this.#medium.draw(byId("picture"), this.#decoded);
  }

  #save() {
    const { name, labels, size } = this.#model;
    const parts = [name];
    if (labels.length) parts.push(labels[this.#label].replace(/[^\p{L}\p{N}]+/gu, "-"));
    if (size <= FEW) parts.push(...Array.from(this.#z, (value) => value.toFixed(2)));
    byId("picture").toBlob((blob) => {
      const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: `${parts.join("_")}.png` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    }, "image/png");
  }

  #offerSound() {
    const heard = (step) => {
      this.#medium.step = step;
      this.#medium.draw(byId("picture"), this.#decoded);
    };
    const player = new Player(this.#medium, () => this.#decoded, heard);
    byId("listen").hidden = false;
    byId("listen").addEventListener("click", () => {
      if (player.playing) player.stop();
      else player.start();
      byId("listen").setAttribute("aria-pressed", String(player.playing));
      byId("listen").textContent = text(player.playing ? "explore.stop" : "explore.listen");
    });
  }
}

// The model that the address names, else the first. Another one is another address, so that links can lead to it.
function choose(models) {
  const wanted = new URLSearchParams(location.search).get("model");
  const chosen = models.find(({ name }) => name === wanted) ?? models[0];
  byId("model").append(...models.map(({ name }) => new Option(name, name, false, name === chosen.name)));
  byId("model-field").hidden = models.length === 1;
  byId("model").addEventListener("change", () => {
    location.search = new URLSearchParams({ model: byId("model").value });
  });
  return chosen;
}

openPage("explore", "private.explore");
try {
  const { models, engine, problem } = await (await fetch("latents.json")).json();
  const model = choose(models);
  if (problem) throw new Error(problem);
  const worker = openDecoder(engine, model);
  const page = new Page(model, worker, engine.name);
  await worker.opened;
  say(text("explore.ready"), "live");
  page.begin();
} catch (error) {
  broken(error);
}
document.documentElement.dataset.ready = "true";
