// A Nítido model on ONNX Runtime, for Node and browsers: frames in, frames out, any number of streams.
// node.js and browser.js open one; this file is what they share.

// One number that the model takes: its usual value and its limits. The card names those that the model has.
const NUMBERS = { strength: { usual: 1, most: 1 }, noise: { usual: -1, most: 255 } };

export class Model {
  #ort;
  #session;

  // `card`: model.json of this folder.
  constructor(ort, session, card) {
    this.#ort = ort;
    this.#session = session;
    this.card = card;
  }

  // The frames of one camera or video, one after the other. Streams of a model remember different things.
  stream() {
    return new Stream(this.#ort, this.#session, this.card);
  }

  // Frees the memory of the session. Streams of the model must not be used any more.
  async close() {
    await this.#session.release();
  }
}

export class Stream {
  #ort;
  #session;
  #card;
  #states = null; // what the frame before left behind; null: no past
  #size = '';
  #last = Promise.resolve(); // frames of a stream wait for each other

  constructor(ort, session, card) {
    this.#ort = ort;
    this.#session = session;
    this.#card = card;
  }

  // The next frame begins a new scene: it has no past.
  reset() {
    this.#last = this.#last.then(() => {
      this.#states = null;
    });
  }

  // Restores the next frame. One of another size has no past.
  restore(frame, settings = {}) {
    const result = this.#last.then(() => this.#restore(frame, settings));
    this.#last = result.then(
      () => {},
      () => {},
    );
    return result;
  }

  async #restore({ pixels, width, height }, settings) {
    if (pixels.length !== width * height * 3) {
      throw new Error(`a frame of ${width}x${height} expects ${width * height * 3} bytes, found ${pixels.length}`);
    }
    if (this.#size !== `${width}x${height}`) {
      this.#size = `${width}x${height}`;
      this.#states = null;
    }
    const feeds = {
      frame: new this.#ort.Tensor('uint8', pixels, [1, height, width, 3]),
      ...this.#numbers(settings),
      ...(this.#states ?? this.#noPast(width, height)),
    };
    const { image, noise_level: level, ...others } = await this.#session.run(feeds);
    this.#states = Object.fromEntries(
      Object.entries(others).map(([name, tensor]) => [name.replace('state_out_', 'state_in_'), tensor]),
    );
    const [, h, w] = image.dims;
    return { pixels: image.data, width: w, height: h, level: level ? level.data[0] : null };
  }

  #numbers(settings) {
    const feeds = {};
    for (const [name, value] of Object.entries(settings)) {
      if (value === undefined) continue;
      if (!this.#card.settings.includes(name)) throw new Error(`the model has no setting ${name}; leave it out`);
      if (!(value >= 0 && value <= NUMBERS[name].most)) {
        throw new Error(`${name} expects a number from 0 to ${NUMBERS[name].most}, found ${value}`);
      }
    }
    for (const name of this.#card.settings) {
      const value = settings[name] ?? NUMBERS[name].usual;
      feeds[name] = new this.#ort.Tensor('float32', Float32Array.of(value), []);
    }
    return feeds;
  }

  // The states of a recurrent model before its first frame: zeros.
  #noPast(width, height) {
    const { states, multiple } = this.#card;
    return Object.fromEntries(
      states.map(({ name, channels, grid }) => {
        const [h, w] = [height, width].map((side) => (Math.ceil(side / multiple) * multiple) / grid);
        const zeros = new Float32Array(channels * h * w);
        return [`state_in_${name}`, new this.#ort.Tensor('float32', zeros, [1, channels, h, w])];
      }),
    );
  }
}

// From RGBA, as a canvas has it, to a frame, and back. Alpha is dropped, and 255 in what comes back.
export function fromRgba(rgba, width, height) {
  const pixels = new Uint8Array(width * height * 3);
  for (let i = 0, j = 0; j < pixels.length; i += 4, j += 3) {
    pixels[j] = rgba[i + 2];
    pixels[j + 1] = rgba[i + 1];
    pixels[j + 2] = rgba[i];
  }
  return { pixels, width, height };
}

export function toRgba({ pixels, width, height }) {
  const rgba = new Uint8ClampedArray(width * height * 4);
  for (let i = 0, j = 0; j < pixels.length; i += 4, j += 3) {
    rgba[i] = pixels[j + 2];
    rgba[i + 1] = pixels[j + 1];
    rgba[i + 2] = pixels[j];
    rgba[i + 3] = 255;
  }
  return rgba;
}
