// Decoded melodies: codes 0 for a rest, 1 for holding on, above that pitches; as a piano roll and as sound.

import { text } from "./page.js";

const AHEAD = 0.12; // seconds of sound that are settled in advance
const BEATS_A_MINUTE = 160; // as in the MIDI files of `nitido sample`
const NAMES = ["C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"];

export class Melody {
  cells = { count: 81, width: 96, height: 96 }; // on the plane; larger ones than of pictures: notes are thin

  constructor({ steps, steps_per_beat, lowest, pitches }) {
    this.steps = steps;
    this.beat = steps_per_beat;
    this.lowest = lowest;
    this.highest = lowest + pitches - 1;
    this.step = -1; // that is being heard
  }

  get one() { return "melody"; }
  get described() { return text("explore.steps", { steps: this.steps, beat: this.beat }); }

  // [{start, length, pitch}] of codes.
  notes(codes) {
    const found = [];
    let sounding = null;
    codes.forEach((code, step) => {
      if (code === 1) {
        if (sounding) sounding.length++;
        return;
      }
      sounding = code ? { start: step, length: 1, pitch: code - 2 + this.lowest } : null;
      if (sounding) found.push(sounding);
    });
    return found;
  }

  draw(canvas, codes) {
    const dots = window.devicePixelRatio;
    const [width, height] = [canvas.clientWidth || 400, canvas.clientHeight || 300].map((side) => Math.round(side * dots));
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    this.#roll(canvas, codes, { keys: true, unit: dots });
    const heard = this.notes(codes).map(({ pitch }) => NAMES[pitch % 12] + (Math.floor(pitch / 12) - 1));
    canvas.setAttribute("aria-label", text("explore.notes", { notes: heard.join(" ") || text("explore.silence") }));
  }

  drawSmall(canvas, codes) {
    [canvas.width, canvas.height] = [this.cells.width, this.cells.height];
    this.#roll(canvas, codes, { keys: false, unit: 1 });
  }

  fit(canvas, room) {
    canvas.style.width = `${room.width}px`;
    canvas.style.height = `${Math.min(room.height, room.width * 0.7)}px`;
  }

  #roll(canvas, codes, { keys, unit }) {
    const drawing = canvas.getContext("2d");
    const { width, height } = canvas;
    const [low, high] = [this.lowest, this.highest];
    const [column, row] = [width / this.steps, height / (high - low + 1)];
    drawing.fillStyle = "#181d20";
    drawing.fillRect(0, 0, width, height);
    for (let pitch = low; keys && pitch <= high; pitch++) {
      if (NAMES[pitch % 12].length === 1) continue;
      drawing.fillStyle = "#0c0f11";
      drawing.fillRect(0, (high - pitch) * row, width, row);
    }
    for (let step = 0; keys && step < this.steps; step += this.beat) {
      drawing.fillStyle = step % (4 * this.beat) ? "#23292d" : "#3a4348";
      drawing.fillRect(step * column, 0, unit, height);
    }
    for (const { start, length, pitch } of this.notes(codes)) {
      const sounding = keys && this.step >= start && this.step < start + length;
      drawing.fillStyle = sounding ? "#ffffff" : "#5cc8b5";
      const thick = Math.max(row, 2 * unit);
      drawing.fillRect(start * column + unit / 2, (high - pitch + 0.5) * row - thick / 2, length * column - unit, thick);
    }
  }
}

// Plays codes over and over; those that are decoded while it plays are heard from the next step on.
export class Player {
  #sound = null;
  #timer = 0;
  #next = { step: 0, time: 0 };
  #voice = null; // {gain, oscillator} that sounds

  // codes(): what to play now. heard(step): which step sounds, -1 for none.
  constructor(melody, codes, heard) {
    Object.assign(this, { melody, codes, heard });
  }

  get playing() { return this.#timer !== 0; }

  start() {
    this.#sound ??= new AudioContext();
    this.#sound.resume();
    this.#next = { step: 0, time: this.#sound.currentTime + 0.05 };
    this.#timer = setInterval(() => this.#settle(), 25);
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = 0;
    this.#silence(this.#sound.currentTime);
    this.heard(-1);
  }

  #settle() {
    const duration = 60 / BEATS_A_MINUTE / this.melody.beat;
    while (this.#next.time < this.#sound.currentTime + AHEAD) {
      const { step, time } = this.#next;
      const code = this.codes()[step];
      if (code !== 1) this.#silence(time);
      if (code > 1) this.#begin(code - 2 + this.melody.lowest, time);
      setTimeout(() => this.playing && this.heard(step), 1000 * Math.max(0, time - this.#sound.currentTime));
      const following = (step + 1) % this.melody.steps;
      if (!following) this.#silence(time + duration);
      this.#next = { step: following, time: time + duration };
    }
  }

  #begin(pitch, time) {
    const oscillator = new OscillatorNode(this.#sound, { type: "triangle", frequency: 440 * 2 ** ((pitch - 69) / 12) });
    const gain = new GainNode(this.#sound, { gain: 0 });
    gain.gain.setTargetAtTime(0.25, time, 0.008);
    gain.gain.setTargetAtTime(0.12, time + 0.05, 0.2);
    oscillator.connect(gain).connect(this.#sound.destination);
    oscillator.start(time);
    this.#voice = { oscillator, gain };
  }

  #silence(time) {
    if (!this.#voice) return;
    const { oscillator, gain } = this.#voice;
    gain.gain.cancelScheduledValues(time);
    gain.gain.setTargetAtTime(0, time, 0.02);
    oscillator.stop(time + 0.2);
    this.#voice = null;
  }
}
