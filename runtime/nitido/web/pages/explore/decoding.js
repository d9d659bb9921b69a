// What is decoded next: always the newest place asked for, never a queue of them; when nothing is asked, the background.

import { startWorker } from "./requests.js";

const BUDGET = 8; // ms: as long as a batch of the background may keep a newer wish waiting

// The worker that decodes.
export function openDecoder(engine, model) {
  const ask = startWorker("worker.js");
  return {
    opened: ask("open", { engine, model }),
    decode(places, label) {
      const z = new Float32Array(places.length * places[0].length);
      places.forEach((place, i) => z.set(place, i * place.length));
      return ask("decode", { z, count: places.length, label }, [z.buffer]);
    },
  };
}

export class Decoding {
  #decode;
  #failed;
  #wanted = null;
  #background = new Map(); // name → {label, places, done, next}
  #busy = false;
  #held = false;
  #cost = BUDGET;

  // decode(places, label): promises {data, ms}. failed(error): gets what went wrong.
  constructor(decode, failed) {
    this.#decode = decode;
    this.#failed = failed;
  }

  // done(data, ms) is called unless a newer wish came before the decoding began.
  show(z, label, done) {
    this.#wanted = { z, label, done };
    this.#work();
  }

  // done(index, data) for each of the places, as time allows; takes the place of what `name` had left.
  fill(name, places, label, done) {
    this.#background.set(name, { places, label, done, next: 0 });
    this.#work();
  }

  // While held, the background rests.
  hold(on) {
    this.#held = on;
    this.#work();
  }

  async #work() {
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (let step; (step = this.#next()); ) await step();
    } catch (error) {
      this.#wanted = null;
      this.#background.clear();
      this.#failed(error);
    } finally {
      this.#busy = false;
    }
  }

  #next() {
    if (this.#wanted) {
      const { z, label, done } = this.#wanted;
      this.#wanted = null;
      return async () => {
        const { data, ms } = await this.#decode([z], label);
        this.#cost = ms;
        done(data, ms);
      };
    }
    const [entry] = this.#held ? [] : this.#background;
    if (!entry) return null;
    const [name, job] = entry;
    const count = Math.max(1, Math.min(16, Math.floor(BUDGET / this.#cost), job.places.length - job.next));
    const places = job.places.slice(job.next, job.next + count);
    const first = job.next;
    job.next += places.length;
    if (job.next >= job.places.length) this.#background.delete(name);
    return async () => {
      if (!places.length) return;
      const { data, ms } = await this.#decode(places, job.label);
      this.#cost = ms / places.length;
      const replaced = this.#background.get(name);
      if (replaced && replaced !== job) return;
      const part = data.length / places.length;
      places.forEach((_, i) => job.done(first + i, data.subarray(i * part, (i + 1) * part)));
    };
  }
}
