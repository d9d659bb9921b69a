/* A model, and the frames of streams that go through it. */
#ifndef NITIDO_MODEL_H
#define NITIDO_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "frame_file.h"
#include "runtime.h"
#include "states.h"

struct model {
  struct runtime rt;
  enum setting strength, noise; /* how it takes them */
  struct states blank;          /* a stream begins with a copy of these */
};

/* What a frame is restored with; a model that cannot be given a number fails. */
struct settings {
  bool has_strength, has_noise;
  float strength; /* 0 (the frame) to 1 (restored, the default) */
  float noise;    /* noise level in 8-bit levels; default: the model estimates it */
};

/* A restored frame, for the caller to free with `free_result`. */
struct result {
  struct frame frame; /* its pixels are those of `image` */
  float level;        /* the noise level that the model found, in 8-bit levels; below 0: it does not say */
  OrtValue *image;
};

/* Opens an .onnx file, or an .ort file. threads: 0 lets the library decide. Close it also after a failure. */
bool open_model(struct model *model, const char *path, int threads);

void close_model(struct model *model);

/* Restores the next frame of a stream and replaces its states. One model serves many streams. */
bool restore_frame(const struct model *model, const struct frame *frame, const struct settings *settings,
                   struct states *stream, struct result *result);

void free_result(const struct model *model, struct result *result);

#endif
