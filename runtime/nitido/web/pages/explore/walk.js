// Two pins and the way between them.

import { byId, text } from "./page.js";
import { between } from "./space.js";

const DURATION = 4000; // ms from pin to pin
const POINTS = 41; // of the way as it is drawn

export class Walk {
  pins = { a: null, b: null };
  #playing = 0;
  #go;
  #changed;

  // place(): where one is. go(place, control): moves there. changed(): pins or the way are others. pinned(name, place).
  constructor({ arc, place, go, changed, pinned }) {
    this.#go = go;
    this.#changed = changed;
    byId("arc").checked = arc;
    for (const [name, end] of [["a", 0], ["b", 1]]) {
      byId(`pin-${name}`).addEventListener("click", () => {
        this.stop();
        this.pins[name] = place().slice();
        byId(`go-${name}`).disabled = false;
        byId("walk").disabled = byId("play").disabled = !this.#both;
        byId("walk").value = end;
        changed();
        pinned(name, this.pins[name]);
      });
      byId(`go-${name}`).addEventListener("click", () => {
        this.stop();
        byId("walk").value = end;
        go(this.pins[name].slice());
      });
    }
    byId("arc").addEventListener("change", changed);
    byId("walk").addEventListener("input", () => {
      this.stop();
      go(this.#at(byId("walk").valueAsNumber));
    });
    byId("play").addEventListener("click", () => (this.#playing ? this.stop() : this.#play()));
  }

  get #both() { return Boolean(this.pins.a && this.pins.b); }

  // Places along the way; none while a pin is missing.
  get way() {
    return this.#both ? Array.from({ length: POINTS }, (_, i) => this.#at(i / (POINTS - 1))) : [];
  }

  stop() {
    cancelAnimationFrame(this.#playing);
    this.#playing = 0;
    this.#say();
  }

  #at(share) { return between(this.pins.a, this.pins.b, share, byId("arc").checked); }

  #play() {
    const from = byId("walk").valueAsNumber % 1; // from the end, again
    let begun = 0;
    const step = (now) => {
      begun ||= now - DURATION * from;
      const turn = ((now - begun) / DURATION) % 2;
      const share = turn < 1 ? turn : 2 - turn; // there and back
      byId("walk").value = share;
      this.#go(this.#at(share));
      this.#playing = requestAnimationFrame(step);
    };
    this.#playing = requestAnimationFrame(step);
    this.#say();
  }

  #say() {
    byId("play").textContent = text(this.#playing ? "explore.stop" : "explore.play");
    byId("play").setAttribute("aria-pressed", String(this.#playing !== 0));
  }
}
