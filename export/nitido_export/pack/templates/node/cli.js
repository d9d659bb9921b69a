#!/usr/bin/env node
// Runs the model of this folder on raw BGR24 frames.
//
//   node cli.js IN.bgr OUT.bgr --size 640x480        one frame, or several of a video one after the other
//   node cli.js - - --size 640x480                   from standard input, as they come, to standard output: a camera
//   node cli.js IN OUT IN2 OUT2 ... --size 640x480   several streams; their frames take turns
//
// --strength 0..1, --noise N, --cut N (a new scene begins with frame N, counted from 0; repeatable), --threads N
// Every failure is one line on stderr and exit code 1.
import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { open } from './node.js';

const USAGE = 'usage: node cli.js IN OUT [IN OUT ...] --size WxH [--strength 0..1] [--noise N] [--cut N] [--threads N]';

// The frames of a file or pipe, one by one.
async function* framesOf(place, width, height) {
  const size = width * height * 3;
  let frame = new Uint8Array(size);
  let filled = 0;
  let count = 0;
  for await (const part of place === '-' ? process.stdin : createReadStream(place)) {
    for (let at = 0; at < part.length; ) {
      const taken = part.subarray(at, at + size - filled);
      frame.set(taken, filled);
      filled += taken.length;
      at += taken.length;
      if (filled === size) {
        yield { pixels: frame, width, height };
        frame = new Uint8Array(size);
        filled = 0;
        count += 1;
      }
    }
  }
  if (filled || !count) {
    throw new Error(`${place}: a frame of ${width}x${height} has ${size} bytes, found ${filled}; check --size`);
  }
}

async function write(sink, pixels) {
  if (!sink.write(Buffer.from(pixels.buffer, pixels.byteOffset, pixels.byteLength))) await once(sink, 'drain');
}

async function run(model, places, { width, height, cuts, ...settings }) {
  const channels = [];
  for (let i = 0; i < places.length; i += 2) {
    const partial = `${places[i + 1]}.partial`;
    channels.push({
      frames: framesOf(places[i], width, height),
      stream: model.stream(),
      partial,
      place: places[i + 1],
      sink: null,
    });
  }
  try {
    let left = channels;
    for (let n = 0; left.length; n += 1) {
      const next = [];
      for (const channel of left) {
        const { value: frame, done } = await channel.frames.next();
        if (done) continue;
        if (cuts.includes(n)) channel.stream.reset();
        const result = await channel.stream.restore(frame, settings);
        channel.sink ??= channel.place === '-' ? process.stdout : createWriteStream(channel.partial);
        await write(channel.sink, result.pixels);
        channel.size = `${result.width}x${result.height}`;
        next.push(channel);
      }
      left = next;
    }
    for (const { sink, partial, place, size } of channels) {
      if (place === '-') continue;
      sink.end();
      await finished(sink);
      await rename(partial, place);
      console.log(`${place}: ${size}`);
    }
  } finally {
    for (const { partial, place } of channels) if (place !== '-') await rm(partial, { force: true });
  }
}

function number(name, text) {
  if (text === undefined) return undefined;
  if (text.trim() === '' || Number.isNaN(Number(text))) throw new Error(`--${name} expects a number, found '${text}'`);
  return Number(text);
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      size: { type: 'string', default: '' },
      strength: { type: 'string' },
      noise: { type: 'string' },
      cut: { type: 'string', multiple: true, default: [] },
      threads: { type: 'string', default: '0' },
    },
  });
  const [, width, height] = (/^([1-9]\d*)x([1-9]\d*)$/.exec(values.size) ?? []).map(Number);
  if (!height || !positionals.length || positionals.length % 2) throw new Error(USAGE);
  if (positionals.includes('-') && positionals.join() !== '-,-') throw new Error('a pipe takes one stream only: - -');
  const model = await open({ threads: number('threads', values.threads) });
  const cuts = values.cut.map((text) => number('cut', text));
  const settings = { strength: number('strength', values.strength), noise: number('noise', values.noise) };
  await run(model, positionals, { width, height, cuts, ...settings });
  await model.close();
}

main().catch((error) => {
  console.error(`nitido: ${error.message.split('\n')[0]}`);
  process.exitCode = 1;
});
