/* Runs a Nítido model on frames, with nothing but C11 and the ONNX Runtime C API.
 *
 *   nitido-frame MODEL IN.ppm OUT.ppm                  a binary PPM (P6, 8 bits)
 *   nitido-frame MODEL IN.bgr OUT.bgr --size 640x480   raw BGR24, as OpenCV and V4L2 lay it out: one frame, or
 *                                                      several of a video one after the other
 *
 * MODEL is an .onnx file, or an .ort file for a minimal build. The output is as many times larger as the model
 * enlarges; it is written beside OUT and renamed, so OUT is there complete or not at all.
 *
 * --strength 0..1   0 returns the frame, 1 (the default) the restored one; denoisers only
 * --noise N         noise level, the standard deviation of brightness noise in 8-bit levels; default: estimated
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

#include <onnxruntime_c_api.h>

#include "frame_file.h"
#include "states.h"

/* Everything called here is older than API 17, so that is what is asked for: the program then also runs with
 * libraries older than the headers it was built with. Models need ONNX Runtime 1.17 themselves. */
#ifndef NITIDO_ORT_API
#if ORT_API_VERSION < 17
#define NITIDO_ORT_API ORT_API_VERSION
#else
#define NITIDO_ORT_API 17
#endif
#endif

struct options {
  const char *model, *in, *out;
  const char *expected; /* NULL, or a frame that the output must equal */
  int64_t width, height; /* of a raw frame; 0: PPM */
  float strength;        /* 0..1 */
  float noise;           /* in 8-bit levels; below 0: the model estimates it */
  bool has_strength, has_noise;
  int threads; /* 0: the library decides */
};

static bool open_api(struct runtime *rt) {
  const OrtApiBase *base = OrtGetApiBase();
  const char *version = base->GetVersionString();
  unsigned major = 0, minor = 0;
  /* Looked at first because GetApi would print a line of its own. API n came with ONNX Runtime 1.n. */
  bool old = sscanf(version, "%u.%u", &major, &minor) == 2 && major <= 1 && minor < NITIDO_ORT_API;
  rt->api = old ? NULL : base->GetApi(NITIDO_ORT_API);
  if (rt->api == NULL)
    return fail("the ONNX Runtime library found is %s, expected 1.%d or later; install that or rebuild", version,
                NITIDO_ORT_API);
  return true;
}

static bool open_model(struct runtime *rt, const struct options *options) {
  uint8_t *bytes;
  size_t size;
  char opening[512];
  snprintf(opening, sizeof opening, "%s is no model that this ONNX Runtime can open", options->model);
  if (!read_file(options->model, &bytes, &size)) return false;
  OrtSessionOptions *settings = NULL;
  const OrtApi *api = rt->api;
  /* Errors come back as statuses; logging them as well would make two lines of one. */
  bool opened = ok(api, api->CreateEnv(ORT_LOGGING_LEVEL_FATAL, "nitido", &rt->env), "cannot start ONNX Runtime") &&
                ok(api, api->CreateSessionOptions(&settings), "cannot start ONNX Runtime") &&
                ok(api, api->SetIntraOpNumThreads(settings, options->threads), "cannot set the threads") &&
                ok(api, api->CreateSessionFromArray(rt->env, bytes, size, settings, &rt->session), opening);
  if (settings != NULL) api->ReleaseSessionOptions(settings);
  free(bytes);
  return opened;
}

/* How a model takes a number: not at all, as an initializer that is also an input, or as a plain input, which must
 * be given. */
enum setting { ABSENT, OPTIONAL, REQUIRED };

static bool find_setting(const struct runtime *rt, const char *wanted, enum setting *found) {
  const OrtApi *api = rt->api;
  OrtAllocator *allocator;
  size_t counts[2] = {0, 0};
  *found = ABSENT;
  if (!ok(api, api->GetAllocatorWithDefaultOptions(&allocator), "cannot allocate") ||
      !ok(api, api->SessionGetOverridableInitializerCount(rt->session, &counts[0]), "cannot list the model's inputs") ||
      !ok(api, api->SessionGetInputCount(rt->session, &counts[1]), "cannot list the model's inputs"))
    return false;
  for (int kind = 0; kind < 2; kind++) {
    for (size_t i = 0; i < counts[kind]; i++) {
      char *name;
      OrtStatus *status = kind == 0 ? api->SessionGetOverridableInitializerName(rt->session, i, allocator, &name)
                                    : api->SessionGetInputName(rt->session, i, allocator, &name);
      if (!ok(api, status, "cannot name an input")) return false;
      if (strcmp(name, wanted) == 0) *found = kind == 0 ? OPTIONAL : REQUIRED;
      if (!ok(api, api->AllocatorFree(allocator, name), "cannot free a name")) return false;
    }
  }
  return true;
}

/* Which numbers the model wants; false when one that was asked for cannot be set. */
static bool find_settings(const struct runtime *rt, struct options *options) {
  enum setting strength, noise;
  if (!find_setting(rt, "strength", &strength) || !find_setting(rt, "noise", &noise)) return false;
  if (options->has_strength && strength == ABSENT)
    return fail("%s has no adjustable strength; leave --strength away", options->model);
  if (options->has_noise && noise == ABSENT)
    return fail("%s cannot be given a noise level; leave --noise away", options->model);
  options->has_strength = options->has_strength || strength == REQUIRED;
  options->has_noise = options->has_noise || noise == REQUIRED;
  return true;
}

/* Checks that a tensor is uint8 1 x H x W x 3 and points `frame` at its bytes, which stay the tensor's. */
static bool view_image(const struct runtime *rt, OrtValue *image, struct frame *frame) {
  const OrtApi *api = rt->api;
  OrtTensorTypeAndShapeInfo *info;
  if (!ok(api, api->GetTensorTypeAndShape(image, &info), "cannot read the output")) return false;
  ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  int64_t shape[4] = {0, 0, 0, 0};
  size_t rank = 0;
  bool read = ok(api, api->GetTensorElementType(info, &type), "cannot read the output") &&
              ok(api, api->GetDimensionsCount(info, &rank), "cannot read the output") &&
              (rank != 4 || ok(api, api->GetDimensions(info, shape, 4), "cannot read the output"));
  api->ReleaseTensorTypeAndShapeInfo(info);
  if (!read) return false;
  if (type != ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8 || rank != 4 || shape[0] != 1 || shape[3] != 3)
    return fail("the model returned no picture (uint8 1 x H x W x 3); is it a Nitido image model?");
  void *data;
  if (!ok(api, api->GetTensorMutableData(image, &data), "cannot read the output")) return false;
  *frame = (struct frame){data, shape[2], shape[1], 1};
  return true;
}

/* Feeds one frame and the states, which are replaced by those after it; on success `*image` owns the result. The time
 * of the run alone is added to `*milliseconds`. */
static bool run_model(const struct runtime *rt, const struct options *options, struct frame *frame,
                      struct states *states, OrtValue **image, double *milliseconds) {
  const OrtApi *api = rt->api;
  const char *inputs[3 + MOST_STATES] = {"frame"}, *outputs[1 + MOST_STATES] = {"image"};
  const int64_t shape[] = {1, frame->height, frame->width, 3};
  OrtValue *values[3 + MOST_STATES] = {NULL}, *results[1 + MOST_STATES] = {NULL};
  OrtMemoryInfo *memory = NULL;
  float numbers[3];
  size_t bytes = (size_t)(3 * frame->width * frame->height), count = 1;
  if (options->has_strength) {
    inputs[count] = "strength";
    numbers[count++] = options->strength;
  }
  if (options->has_noise) {
    inputs[count] = "noise";
    numbers[count++] = options->noise;
  }
  /* The tensors point at our memory, nothing is copied; a scalar has no dimensions. */
  bool done = ok(api, api->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory), "cannot allocate") &&
              ok(api, api->CreateTensorWithDataAsOrtValue(memory, frame->pixels, bytes, shape, 4,
                                                          ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8, &values[0]),
                 "cannot wrap the frame");
  for (size_t i = 1; done && i < count; i++)
    done = ok(api, api->CreateTensorWithDataAsOrtValue(memory, &numbers[i], sizeof numbers[i], shape, 0,
                                                       ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &values[i]),
              "cannot wrap a number");
  done = done && begin_states(rt, states, frame->width, frame->height);
  for (size_t i = 0; done && i < states->count; i++) {
    inputs[count + i] = states->items[i].in;
    values[count + i] = states->items[i].value;
    outputs[1 + i] = states->items[i].out;
  }
  if (done) {
    struct timespec began, ended;
    timespec_get(&began, TIME_UTC);
    done = ok(api, api->Run(rt->session, NULL, inputs, (const OrtValue *const *)values, count + states->count, outputs,
                            1 + states->count, results),
              "cannot run the model");
    timespec_get(&ended, TIME_UTC);
    *milliseconds += 1e3 * (double)(ended.tv_sec - began.tv_sec) + 1e-6 * (double)(ended.tv_nsec - began.tv_nsec);
  }
  if (done) {
    *image = results[0];
    forget_states(rt, states);
    for (size_t i = 0; i < states->count; i++) states->items[i].value = results[1 + i];
  }
  for (size_t i = 0; i < count; i++)
    if (values[i] != NULL) api->ReleaseValue(values[i]);
  if (memory != NULL) api->ReleaseMemoryInfo(memory);
  return done;
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

/* Runs the model on each frame in turn and collects the results, which the caller frees. */
static bool restore(const struct runtime *rt, const struct options *options, const struct frame *frames,
                    struct states *states, struct frame *results, double *milliseconds) {
  size_t size = frame_size(frames);
  for (int64_t n = 0; n < frames->count; n++) {
    struct frame one = {frames->pixels + (size_t)n * size, frames->width, frames->height, 1}, seen;
    OrtValue *image = NULL;
    if (!run_model(rt, options, &one, states, &image, milliseconds)) return false;
    bool done = view_image(rt, image, &seen);
    if (done && results->pixels == NULL) {
      *results = (struct frame){malloc(frame_size(&seen) * (size_t)frames->count), seen.width, seen.height, frames->count};
      done = results->pixels != NULL || fail("out of memory");
    }
    if (done) memcpy(results->pixels + (size_t)n * frame_size(results), seen.pixels, frame_size(results));
    rt->api->ReleaseValue(image);
    if (!done) return false;
  }
  return true;
}

static bool process(struct options *options) {
  struct runtime rt = {NULL, NULL, NULL};
  struct states states = {.count = 0};
  struct frame frames = {NULL, 0, 0, 0}, results = {NULL, 0, 0, 0};
  double milliseconds = 0;
  bool done = open_api(&rt) && read_frame(options->in, options->width, options->height, &frames) &&
              open_model(&rt, options) && find_settings(&rt, options) && find_states(&rt, &states) &&
              restore(&rt, options, &frames, &states, &results, &milliseconds) &&
              (options->expected == NULL || compare(options, &results)) &&
              write_frame(options->out, options->width == 0, &results);
  if (done)
    printf("%s: %dx%d -> %s: %dx%d in %.1f ms (ONNX Runtime %s)\n", options->in, (int)frames.width, (int)frames.height,
           options->out, (int)results.width, (int)results.height, milliseconds, OrtGetApiBase()->GetVersionString());
  if (rt.session != NULL) {
    forget_states(&rt, &states);
    rt.api->ReleaseSession(rt.session);
  }
  if (rt.env != NULL) rt.api->ReleaseEnv(rt.env);
  free(frames.pixels);
  free(results.pixels);
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

static bool parse(int count, char **words, struct options *options) {
  const char **places[] = {&options->model, &options->in, &options->out};
  int placed = 0;
  for (int i = 1; i < count; i++) {
    const char *word = words[i], *value = i + 1 < count ? words[i + 1] : "";
    char *end;
    if (strncmp(word, "--", 2) != 0) {
      if (placed == 3) return fail("unexpected argument: %s", word);
      *places[placed++] = word;
      continue;
    }
    if (strcmp(word, "--size") == 0) {
      if (!parse_size(value, &options->width, &options->height))
        return fail("--size expects WIDTHxHEIGHT such as 640x480, found '%s'", value);
    } else if (strcmp(word, "--strength") == 0) {
      options->strength = strtof(value, &end);
      options->has_strength = true;
      if (end == value || *end != '\0' || !(options->strength >= 0 && options->strength <= 1))
        return fail("--strength expects a number from 0 to 1, found '%s'", value);
    } else if (strcmp(word, "--noise") == 0) {
      options->noise = strtof(value, &end);
      options->has_noise = true;
      if (end == value || *end != '\0' || !(options->noise >= 0 && options->noise <= 255))
        return fail("--noise expects a number from 0 to 255, found '%s'", value);
    } else if (strcmp(word, "--threads") == 0) {
      long threads = strtol(value, &end, 10);
      if (end == value || *end != '\0' || threads < 1 || threads > 1024)
        return fail("--threads expects a number from 1 to 1024, found '%s'", value);
      options->threads = (int)threads;
    } else if (strcmp(word, "--expect") == 0 && *value != '\0') {
      options->expected = value;
    } else {
      return fail("unknown option, or one without its value: %s", word);
    }
    i++; /* the value */
  }
  return placed == 3 ||
         fail("usage: nitido-frame MODEL IN OUT [--size WxH] [--strength 0..1] [--noise N] [--threads N] "
              "[--expect FILE]");
}

int main(int count, char **words) {
  struct options options = {.strength = 1.0f, .noise = -1.0f};
  if (!parse(count, words, &options)) return 2;
  return process(&options) ? 0 : 1;
}
