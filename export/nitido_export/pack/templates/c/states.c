#include "states.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failure.h"

static const char PREFIX[] = "state_in_";

/* An entry of the model's metadata, for the caller to free with the allocator; NULL where there is none. */
static bool find_metadata(const struct runtime *rt, OrtAllocator *allocator, const char *key, char **text) {
  const OrtApi *api = rt->api;
  OrtModelMetadata *metadata;
  *text = NULL;
  if (!ok(api, api->SessionGetModelMetadata(rt->session, &metadata), "cannot read the metadata")) return false;
  bool found =
      ok(api, api->ModelMetadataLookupCustomMetadataMap(metadata, allocator, key, text), "cannot read the metadata");
  api->ReleaseModelMetadata(metadata);
  return found;
}

static bool find_channels(const struct runtime *rt, size_t input, int64_t *channels) {
  const OrtApi *api = rt->api;
  OrtTypeInfo *type;
  if (!ok(api, api->SessionGetInputTypeInfo(rt->session, input, &type), "cannot read a state")) return false;
  const OrtTensorTypeAndShapeInfo *info = NULL;
  int64_t shape[4] = {0, 0, 0, 0};
  size_t rank = 0;
  bool read = ok(api, api->CastTypeInfoToTensorInfo(type, &info), "cannot read a state") && info != NULL &&
              ok(api, api->GetDimensionsCount(info, &rank), "cannot read a state") &&
              (rank != 4 || ok(api, api->GetDimensions(info, shape, 4), "cannot read a state"));
  api->ReleaseTypeInfo(type);
  *channels = shape[1];
  return read;
}

/* The number behind "grid": in the entry of the state with that name; 0 where there is none. */
static int64_t grid_of(const char *text, const char *name) {
  char wanted[120];
  snprintf(wanted, sizeof wanted, "\"name\": \"%s\"", name);
  const char *entry = text == NULL ? NULL : strstr(text, wanted);
  const char *grid = entry == NULL ? NULL : strstr(entry, "\"grid\": ");
  return grid == NULL ? 0 : strtol(grid + strlen("\"grid\": "), NULL, 10);
}

static bool add_state(const struct runtime *rt, struct states *states, size_t input, const char *name, const char *text) {
  if (states->count == MOST_STATES) return fail("the model has more than %d states", MOST_STATES);
  struct state *state = &states->items[states->count++];
  const char *own = name + strlen(PREFIX);
  snprintf(state->in, sizeof state->in, "%s", name);
  snprintf(state->out, sizeof state->out, "state_out_%s", own);
  state->value = NULL;
  state->grid = grid_of(text, own);
  if (!find_channels(rt, input, &state->channels)) return false;
  return (state->channels > 0 && state->grid > 0) || fail("the model does not say how large its state %s is", own);
}

bool find_states(const struct runtime *rt, struct states *states) {
  const OrtApi *api = rt->api;
  OrtAllocator *allocator;
  char *text = NULL, *multiple = NULL;
  size_t count = 0;
  *states = (struct states){.count = 0};
  bool found = ok(api, api->GetAllocatorWithDefaultOptions(&allocator), "cannot allocate") &&
               ok(api, api->SessionGetInputCount(rt->session, &count), "cannot list the model's inputs");
  if (!found) return false;
  found = find_metadata(rt, allocator, "nitido.states", &text) && find_metadata(rt, allocator, "nitido.multiple", &multiple);
  states->multiple = multiple == NULL ? 1 : strtol(multiple, NULL, 10);
  if (states->multiple < 1) states->multiple = 1;
  for (size_t i = 0; found && i < count; i++) {
    char *name;
    found = ok(api, api->SessionGetInputName(rt->session, i, allocator, &name), "cannot name an input");
    if (!found) break;
    if (strncmp(name, PREFIX, strlen(PREFIX)) == 0) found = add_state(rt, states, i, name, text);
    found = ok(api, api->AllocatorFree(allocator, name), "cannot free a name") && found;
  }
  if (text != NULL) found = ok(api, api->AllocatorFree(allocator, text), "cannot free a text") && found;
  if (multiple != NULL) found = ok(api, api->AllocatorFree(allocator, multiple), "cannot free a text") && found;
  return found;
}

bool begin_states(const struct runtime *rt, struct states *states, int64_t width, int64_t height) {
  const OrtApi *api = rt->api;
  OrtAllocator *allocator;
  int64_t whole = states->multiple;
  if (states->width != width || states->height != height) forget_states(rt, states);
  states->width = width;
  states->height = height;
  if (!ok(api, api->GetAllocatorWithDefaultOptions(&allocator), "cannot allocate")) return false;
  for (size_t i = 0; i < states->count; i++) {
    struct state *state = &states->items[i];
    if (state->value != NULL) continue;
    int64_t rows = (height + whole - 1) / whole * whole / state->grid;
    int64_t columns = (width + whole - 1) / whole * whole / state->grid;
    const int64_t shape[] = {1, state->channels, rows, columns};
    void *data;
    if (!ok(api, api->CreateTensorAsOrtValue(allocator, shape, 4, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &state->value),
            "cannot make a state") ||
        !ok(api, api->GetTensorMutableData(state->value, &data), "cannot make a state"))
      return false;
    memset(data, 0, (size_t)(state->channels * rows * columns) * sizeof(float));
  }
  return true;
}

void forget_states(const struct runtime *rt, struct states *states) {
  for (size_t i = 0; i < states->count; i++) {
    if (states->items[i].value != NULL) rt->api->ReleaseValue(states->items[i].value);
    states->items[i].value = NULL;
  }
}
