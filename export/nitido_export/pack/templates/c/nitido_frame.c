/* Runs a Nítido model on frames, with nothing but C11 and the ONNX Runtime C API.
 *
 *   nitido-frame MODEL IN.ppm OUT.ppm                  a binary PPM (P6, 8 bits)
 *   nitido-frame MODEL IN.bgr OUT.bgr --size 640x480   raw BGR24, as OpenCV and V4L2 lay it out: one frame, or
 *                                                      several of a video one after the other
 *   nitido-frame MODEL - - --size 640x480              raw frames from standard input, as they come, to standard
 *                                                      output: a camera
 *   nitido-frame MODEL IN OUT IN2 OUT2 ...             several streams; their frames take turns
 *
 * MODEL is an .onnx file, or an .ort file for a minimal build. The output is as many times larger as the model
 * enlarges; it is written next to OUT and renamed, so OUT is there complete or not at all.
 *
 * --strength 0..1   0 returns the frame, 1 (the default) the restored one; denoisers only
 * --noise N         noise level, the standard deviation of brightness noise in 8-bit levels; default: estimated
 * --cut N           a new scene begins with frame N, counted from 0: the model forgets what was before; repeatable
 * --threads N       default: the library decides
 * --expect FILE     a frame like OUT; fails when the output differs from it by more than one level
 *
 * Exit codes: 0 done, 1 failed, 2 wrong usage. Every failure is one line on stderr.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef _WIN32
#include <fcntl.h>
#include <io.h>
#endif

#include "failure.h"
#include "frame_file.h"
#include "model.h"

#define MOST_STREAMS 16
#define MOST_CUTS 64

/* What goes in and comes out, and what the model remembers of it. */
struct stream {
  const char *in, *out;
  struct frame frames, results;
  struct states states;
};

struct options {
  const char *model;
  struct stream streams[MOST_STREAMS];
  size_t count;          /* of streams */
  const char *expected;  /* NULL, or a frame that the output must equal */
  int64_t width, height; /* of a raw frame; 0: PPM */
  int64_t cuts[MOST_CUTS];
  size_t cut_count;
  struct settings settings;
  int threads; /* 0: the library decides */
};

static double now(void) {
  struct timespec time;
  timespec_get(&time, TIME_UTC);
  return 1e3 * (double)time.tv_sec + 1e-6 * (double)time.tv_nsec;
}

/* One level is what sums in another order, on another processor, can move a byte. */
static bool compare(const struct options *options, const struct frame *result) {
  struct frame expected = {NULL, 0, 0, 0};
  bool raw = options->width != 0;
  bool same = read_frame(options->expected, raw ? result->width : 0, raw ? result->height : 0, &expected);
  if (same && (expected.width != result->width || expected.height != result->height)) {
    same = fail("%s has %dx%d pixels, the output %dx%d", options->expected, (int)expected.width, (int)expected.height,
                (int)result->width, (int)result->height);
  } else if (same && expected.count != result->count) {
    same = fail("%s has %d frames, the output %d", options->expected, (int)expected.count, (int)result->count);
  } else if (same) {
    int worst = 0;
    size_t size = frame_size(result) * (size_t)result->count;
    for (size_t i = 0; i < size; i++) {
      int difference = abs((int)result->pixels[i] - (int)expected.pixels[i]);
      if (difference > worst) worst = difference;
    }
    if (worst > 1)
      same = fail("the output differs from %s by %d of 255 levels, expected at most 1", options->expected, worst);
  }
  free(expected.pixels);
  return same;
}

/* Forgets the past of a stream where frame `n` begins a new scene, and restores the frame. */
static bool restore(const struct model *model, const struct options *options, const struct frame *frame, int64_t n,
                    struct states *states, struct result *result) {
  for (size_t i = 0; i < options->cut_count; i++)
    if (options->cuts[i] == n) forget_states(&model->rt, states);
  return restore_frame(model, frame, &options->settings, states, result);
}

/* Restores frame `n` of a stream and adds it to the results, which the caller frees. */
static bool restore_next(const struct model *model, const struct options *options, struct stream *stream, int64_t n) {
  struct frame *results = &stream->results, one = stream->frames;
  struct result result;
  one.pixels += (size_t)n * frame_size(&one);
  one.count = 1;
  if (!restore(model, options, &one, n, &stream->states, &result)) return false;
  bool done = true;
  if (results->pixels == NULL) {
    *results = result.frame;
    results->count = stream->frames.count;
    results->pixels = malloc(frame_size(results) * (size_t)results->count);
    done = results->pixels != NULL || fail("out of memory");
  }
  if (done) memcpy(results->pixels + (size_t)n * frame_size(results), result.frame.pixels, frame_size(results));
  free_result(model, &result);
  return done;
}

/* Reads all streams, restores their frames in turn, and writes. */
static bool process_files(const struct model *model, struct options *options) {
  int64_t most = 0;
  for (size_t i = 0; i < options->count; i++) {
    struct stream *stream = &options->streams[i];
    stream->states = model->blank;
    if (!read_frame(stream->in, options->width, options->height, &stream->frames)) return false;
    if (stream->frames.count > most) most = stream->frames.count;
  }
  double began = now();
  for (int64_t n = 0; n < most; n++)
    for (size_t i = 0; i < options->count; i++)
      if (n < options->streams[i].frames.count && !restore_next(model, options, &options->streams[i], n)) return false;
  double milliseconds = now() - began;
  if (options->expected != NULL && !compare(options, &options->streams[0].results)) return false;
  for (size_t i = 0; i < options->count; i++) {
    struct stream *stream = &options->streams[i];
    if (!write_frame(stream->out, options->width == 0, &stream->results)) return false;
    printf("%s: %dx%d -> %s: %dx%d, %d in %.1f ms (ONNX Runtime %s)\n", stream->in, (int)stream->frames.width,
           (int)stream->frames.height, stream->out, (int)stream->results.width, (int)stream->results.height,
           (int)stream->frames.count, milliseconds, OrtGetApiBase()->GetVersionString());
  }
  return true;
}

/* Restores raw frames from standard input as they come, one stream. */
static bool process_pipe(const struct model *model, struct options *options) {
  struct states *states = &options->streams[0].states;
  struct frame frame = {NULL, options->width, options->height, 1};
  size_t size = frame_size(&frame), got = 0;
  bool done = true;
#ifdef _WIN32
  _setmode(_fileno(stdin), _O_BINARY);
  _setmode(_fileno(stdout), _O_BINARY);
#endif
  *states = model->blank;
  frame.pixels = malloc(size);
  if (frame.pixels == NULL) return fail("out of memory");
  for (int64_t n = 0; done && (got = fread(frame.pixels, 1, size, stdin)) == size; n++) {
    struct result result;
    done = restore(model, options, &frame, n, states, &result);
    if (!done) break;
    size_t bytes = frame_size(&result.frame);
    done = (fwrite(result.frame.pixels, 1, bytes, stdout) == bytes && fflush(stdout) == 0) ||
           fail("cannot write to standard output");
    free_result(model, &result);
  }
  free(frame.pixels);
  if (done && got != 0)
    return fail("standard input: the last frame of %dx%d has %zu of %zu bytes; check --size", (int)frame.width,
                (int)frame.height, got, size);
  return done;
}

static bool process(struct options *options) {
  struct model model;
  bool pipe = strcmp(options->streams[0].in, "-") == 0;
  bool done = open_model(&model, options->model, options->threads) &&
              (pipe ? process_pipe(&model, options) : process_files(&model, options));
  for (size_t i = 0; i < options->count; i++) {
    forget_states(&model.rt, &options->streams[i].states);
    free(options->streams[i].frames.pixels);
    free(options->streams[i].results.pixels);
  }
  close_model(&model);
  return done;
}

/* ---- the command line ---- */

static bool parse_size(const char *text, int64_t *width, int64_t *height) {
  char *end;
  *width = strtol(text, &end, 10);
  if (*end != 'x' && *end != 'X') return false;
  *height = strtol(end + 1, &end, 10);
  return *end == '\0' && *width >= 1 && *height >= 1 && *width <= 1000000 && *height <= 1000000;
}

static bool parse_number(const char *option, const char *value, float most, float *number) {
  char *end;
  *number = strtof(value, &end);
  return (end != value && *end == '\0' && *number >= 0 && *number <= most) ||
         fail("%s expects a number from 0 to %g, found '%s'", option, (double)most, value);
}

static bool parse_whole(const char *option, const char *value, long least, long most, long *number) {
  char *end;
  *number = strtol(value, &end, 10);
  return (end != value && *end == '\0' && *number >= least && *number <= most) ||
         fail("%s expects a whole number from %ld to %ld, found '%s'", option, least, most, value);
}

static bool parse_option(const char *word, const char *value, struct options *options) {
  struct settings *settings = &options->settings;
  long number;
  if (strcmp(word, "--size") == 0)
    return parse_size(value, &options->width, &options->height) ||
           fail("--size expects WIDTHxHEIGHT such as 640x480, found '%s'", value);
  if (strcmp(word, "--strength") == 0) {
    settings->has_strength = true;
    return parse_number(word, value, 1, &settings->strength);
  }
  if (strcmp(word, "--noise") == 0) {
    settings->has_noise = true;
    return parse_number(word, value, 255, &settings->noise);
  }
  if (strcmp(word, "--cut") == 0) {
    if (options->cut_count == MOST_CUTS) return fail("--cut can be given %d times", MOST_CUTS);
    bool parsed = parse_whole(word, value, 0, 1000000000, &number);
    options->cuts[options->cut_count++] = number;
    return parsed;
  }
  if (strcmp(word, "--threads") == 0) {
    bool parsed = parse_whole(word, value, 1, 1024, &number);
    options->threads = (int)number;
    return parsed;
  }
  if (strcmp(word, "--expect") == 0 && *value != '\0') {
    options->expected = value;
    return true;
  }
  return fail("unknown option, or one without its value: %s", word);
}

static bool check(const struct options *options) {
  for (size_t i = 0; i < options->count; i++) {
    bool in = strcmp(options->streams[i].in, "-") == 0, out = strcmp(options->streams[i].out, "-") == 0;
    if ((in || out) && (!in || !out || options->count > 1 || options->width == 0 || options->expected != NULL))
      return fail("standard input goes to standard output, alone, with --size: MODEL - - --size WxH");
  }
  return options->expected == NULL || options->count == 1 || fail("--expect is for one stream");
}

static bool parse(int count, char **words, struct options *options) {
  size_t placed = 0;
  for (int i = 1; i < count; i++) {
    const char *word = words[i];
    if (strncmp(word, "--", 2) == 0) {
      if (!parse_option(word, i + 1 < count ? words[i + 1] : "", options)) return false;
      i++; /* the value */
    } else if (placed == 0) {
      options->model = word;
      placed++;
    } else {
      size_t stream = (placed - 1) / 2;
      if (stream == MOST_STREAMS) return fail("more than %d streams: %s", MOST_STREAMS, word);
      if (placed++ % 2 == 1)
        options->streams[stream].in = word;
      else
        options->streams[stream].out = word;
    }
  }
  options->count = (placed - (placed > 0)) / 2;
  if (placed < 3 || placed % 2 == 0)
    return fail("usage: nitido-frame MODEL IN OUT [IN OUT ...] [--size WxH] [--strength 0..1] [--noise N] [--cut N] "
                "[--threads N] [--expect FILE]");
  return check(options);
}

int main(int count, char **words) {
  struct options options = {.settings = {.strength = 1.0f, .noise = -1.0f}};
  if (!parse(count, words, &options)) return 2;
  return process(&options) ? 0 : 1;
}
