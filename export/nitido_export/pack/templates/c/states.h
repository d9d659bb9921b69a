/* What a recurrent model carries from frame to frame: tensors that it takes and gives back, zeros at first. */
#ifndef NITIDO_STATES_H
#define NITIDO_STATES_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime.h"

#define MOST_STATES 8

struct state {
  char in[80], out[80]; /* names of the input and of the output */
  int64_t channels;
  int64_t grid;    /* pixels of the frame, on each side, under one position */
  OrtValue *value; /* of the frame before; NULL: no past */
};

struct states {
  struct state items[MOST_STATES];
  size_t count;     /* 0 for a model that does not remember */
  int64_t multiple; /* to which the model fills up the height and width of a frame, in pixels */
  int64_t width, height; /* of the frames that they belong to */
};

/* Which states the model has, without a past: each stream has a copy. How large they are, the model's metadata say. */
bool find_states(const struct runtime *rt, struct states *states);

/* Makes the states that are missing, zeros, for a frame of this size. Those of frames of another size are forgotten. */
bool begin_states(const struct runtime *rt, struct states *states, int64_t width, int64_t height);

/* The next frame has no past. */
void forget_states(const struct runtime *rt, struct states *states);

#endif
