/* What a recurrent model carries from frame to frame: tensors that it takes and gives back, zeros at first. */
#ifndef NITIDO_STATES_H
#define NITIDO_STATES_H

#include <stdbool.h>
#include <stdint.h>

#include <onnxruntime_c_api.h>

#define MOST_STATES 8

struct runtime {
  const OrtApi *api;
  OrtEnv *env;
  OrtSession *session;
};

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
};

/* Reports and frees a failed status; true when there is none. */
bool ok(const OrtApi *api, OrtStatus *status, const char *doing);

/* Which states the model has. Their grids are in the model's metadata, as its contract says. */
bool find_states(const struct runtime *rt, struct states *states);

/* Makes the states that are missing: zeros, for a frame of this size. */
bool begin_states(const struct runtime *rt, struct states *states, int64_t width, int64_t height);

/* The next frame has no past. */
void forget_states(const struct runtime *rt, struct states *states);

#endif
