/** BGR, 8 bits, row by row without gaps: height × width × 3 bytes. */
export interface Frame {
  pixels: Uint8Array;
  width: number;
  height: number;
}

/** A restored frame. */
export interface Result extends Frame {
  /** The noise level that the model found, in 8-bit levels; null of a model that says none. */
  level: number | null;
}

/** What a frame is restored with. A number that the model does not take is an error. */
export interface Settings {
  /** 0 (the frame unchanged) to 1 (fully restored, the default). */
  strength?: number;
  /** Noise level, the standard deviation of brightness noise in 8-bit levels; default: the model estimates it. */
  noise?: number;
}

/** What model.json says of the model. */
export interface Card {
  readonly name: string;
  readonly file: string;
  readonly summary: string;
  /** How many times as wide and as high as the frame a result is. */
  readonly scale: number;
  /** Pixels to which the model fills up the height and width of a frame. */
  readonly multiple: number;
  /** The numbers that can be set. */
  readonly settings: readonly (keyof Settings)[];
  /** What a recurrent model remembers; empty of others. */
  readonly states: readonly { readonly name: string; readonly channels: number; readonly grid: number }[];
}

/** The frames of one camera or video, one after the other. Calls wait for each other. */
export class Stream {
  private constructor();
  /** Restores the next frame. One of another size has no past. */
  restore(frame: Frame, settings?: Settings): Promise<Result>;
  /** The next frame begins a new scene: it has no past. */
  reset(): void;
}

export class Model {
  private constructor();
  readonly card: Card;
  /** A new stream. Streams of a model remember different things. */
  stream(): Stream;
  /** Frees the memory of the session. Streams of the model must not be used any more. */
  close(): Promise<void>;
}

export interface Options {
  /** Threads of the CPU; 0, the default, lets the library decide. */
  threads?: number;
  /** Where model.json and the model are; default: next to this module. */
  folder?: URL;
}

/** Opens the model of this package. */
export function open(options?: Options): Promise<Model>;

/** From RGBA, as a canvas has it. Alpha is dropped. */
export function fromRgba(rgba: Uint8Array | Uint8ClampedArray, width: number, height: number): Frame;

/** To RGBA, as a canvas takes it. */
export function toRgba(frame: Frame): Uint8ClampedArray;
