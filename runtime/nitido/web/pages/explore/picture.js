// Decoded pictures, RGBA bytes, on canvases.

import { text } from "./page.js";

export class Picture {
  constructor({ width, height }) {
    this.size = { width, height };
    const shrink = Math.min(1, 48 / Math.max(width, height));
    const [columns, rows] = [width, height].map((side) => Math.max(1, Math.round(side * shrink)));
    this.cells = { count: 225, width: columns, height: rows }; // on the plane
  }

  get one() { return "picture"; }
  get described() { return text("explore.pixels", this.size); }

  // Pixel by pixel.
  draw(canvas, data) {
    const { width, height } = this.size;
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    canvas.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(data), width, height), 0, 0);
  }

  drawSmall(canvas, data) { this.draw(canvas, data); }

  // Of a canvas that may be `room` wide and high: whole screen pixels for each pixel, so that all are equally large.
  fit(canvas, room) {
    const { width, height } = this.size;
    const dots = window.devicePixelRatio;
    const whole = Math.floor(Math.min((room.width * dots) / width, (room.height * dots) / height));
    const scale = whole >= 1 ? whole / dots : Math.min(room.width / width, room.height / height);
    canvas.style.width = `${width * scale}px`;
    canvas.style.height = `${height * scale}px`;
  }
}
