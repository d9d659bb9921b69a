// Where one can be in a latent space: ranges, random places, the way between two places. A place is a Float32Array.

const ALIGNED = 1e-4; // radians; nearer to the same or the opposite direction, a sphere gives no way to go

export class Space {
  constructor({ size, mean, std, normal }) {
    this.size = size;
    this.centre = Float32Array.from({ length: size }, (_, i) => (normal ? 0 : mean[i]));
    this.spread = Float32Array.from({ length: size }, (_, i) => (normal ? 1 : std[i] || 1 / 3));
  }

  low(axis) { return this.centre[axis] - 3 * this.spread[axis]; }
  high(axis) { return this.centre[axis] + 3 * this.spread[axis]; }

  // 0 at the low end of an axis, 1 at the high one, beyond it further.
  share(axis, value) { return (value - this.low(axis)) / (this.high(axis) - this.low(axis)); }
  at(axis, share) { return this.low(axis) + share * (this.high(axis) - this.low(axis)); }

  // As many digits as separate places that look different.
  shown(axis, value) {
    const digits = 2 - Math.floor(Math.log10(3 * this.spread[axis]));
    return value.toFixed(Math.max(0, Math.min(6, digits))).replace("-", "−");
  }

  random() {
    return this.centre.map((middle, i) => middle + this.spread[i] * gaussian());
  }
}

function gaussian() {
  return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
}

// The place at `share` of the way, straight or along a great circle on which the length changes evenly; the same two
// ways as those of `nitido interpolate`.
export function between(a, b, share, arc) {
  const straight = a.map((value, i) => (1 - share) * value + share * b[i]);
  const [lengthA, lengthB] = [length(a), length(b)];
  if (!arc || !lengthA || !lengthB) return straight;
  const cosine = a.reduce((sum, value, i) => sum + (value / lengthA) * (b[i] / lengthB), 0);
  const angle = Math.acos(Math.max(-1, Math.min(1, cosine)));
  if (!(angle > ALIGNED && angle < Math.PI - ALIGNED)) return straight;
  const reach = ((1 - share) * lengthA + share * lengthB) / Math.sin(angle);
  const [partA, partB] = [Math.sin((1 - share) * angle) / lengthA, Math.sin(share * angle) / lengthB];
  return a.map((value, i) => reach * (partA * value + partB * b[i]));
}

function length(z) { return Math.hypot(...z); }

// As few digits as give the same 32-bit numbers again.
export function format(z) {
  return Array.from(z, (value) => {
    let digits = 1;
    while (Math.fround(Number(value.toPrecision(digits))) !== value) digits++;
    return String(Number(value.toPrecision(digits)));
  }).join(", ");
}

// The place that a text names, or null when it is not `size` numbers.
export function parse(text, size) {
  const words = text.split(/[\s,;[\]()]+/).filter(Boolean);
  const z = Float32Array.from(words, Number);
  return words.length === size && z.every(Number.isFinite) ? z : null;
}
