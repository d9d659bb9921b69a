#include "model.h"

#include <stddef.h>

#include "failure.h"

#define MOST_NUMBERS 2 /* strength and noise */

bool open_model(struct model *model, const char *path, int threads) {
  *model = (struct model){.strength = ABSENT};
  return open_runtime(&model->rt, path, threads) && find_setting(&model->rt, "strength", &model->strength) &&
         find_setting(&model->rt, "noise", &model->noise) && find_states(&model->rt, &model->blank);
}

void close_model(struct model *model) { close_runtime(&model->rt); }

void free_result(const struct model *model, struct result *result) {
  if (result->image != NULL) model->rt.api->ReleaseValue(result->image);
  result->image = NULL;
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

static bool read_level(const struct runtime *rt, OrtValue *estimate, float *level) {
  void *data;
  if (!ok(rt->api, rt->api->GetTensorMutableData(estimate, &data), "cannot read the noise level")) return false;
  *level = *(const float *)data;
  return true;
}

bool restore_frame(const struct model *model, const struct frame *frame, const struct settings *settings,
                   struct states *stream, struct result *result) {
  const struct runtime *rt = &model->rt;
  const OrtApi *api = rt->api;
  const char *inputs[1 + MOST_NUMBERS + MOST_STATES] = {"frame"}, *outputs[2 + MOST_STATES] = {"image"};
  OrtValue *values[1 + MOST_NUMBERS + MOST_STATES] = {NULL}, *results[2 + MOST_STATES] = {NULL};
  const int64_t shape[] = {1, frame->height, frame->width, 3};
  OrtMemoryInfo *memory = NULL;
  float numbers[1 + MOST_NUMBERS];
  size_t bytes = (size_t)(3 * frame->width * frame->height), own = 1, made = 1;
  *result = (struct result){.level = -1.0f};
  if (settings->has_strength && model->strength == ABSENT)
    return fail("the model has no adjustable strength; leave out the strength");
  if (settings->has_noise && model->noise == ABSENT)
    return fail("the model cannot be given a noise level; leave out the noise");
  if (settings->has_strength || model->strength == REQUIRED) {
    inputs[own] = "strength";
    numbers[own++] = settings->has_strength ? settings->strength : 1.0f;
  }
  if (settings->has_noise || model->noise == REQUIRED) {
    inputs[own] = "noise";
    numbers[own++] = settings->has_noise ? settings->noise : -1.0f;
  }
  if (model->noise != ABSENT) outputs[made++] = "noise_level";
  /* The tensors point at our memory, nothing is copied; a scalar has no dimensions. */
  bool done = ok(api, api->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory), "cannot allocate") &&
              ok(api, api->CreateTensorWithDataAsOrtValue(memory, frame->pixels, bytes, shape, 4,
                                                          ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8, &values[0]),
                 "cannot wrap the frame");
  for (size_t i = 1; done && i < own; i++)
    done = ok(api, api->CreateTensorWithDataAsOrtValue(memory, &numbers[i], sizeof numbers[i], shape, 0,
                                                       ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &values[i]),
              "cannot wrap a number");
  done = done && begin_states(rt, stream, frame->width, frame->height);
  for (size_t i = 0; done && i < stream->count; i++) {
    inputs[own + i] = stream->items[i].in;
    values[own + i] = stream->items[i].value;
    outputs[made + i] = stream->items[i].out;
  }
  done = done && ok(api, api->Run(rt->session, NULL, inputs, (const OrtValue *const *)values, own + stream->count,
                                  outputs, made + stream->count, results),
                    "cannot run the model");
  if (done) {
    result->image = results[0];
    forget_states(rt, stream);
    for (size_t i = 0; i < stream->count; i++) stream->items[i].value = results[made + i];
    done = view_image(rt, results[0], &result->frame) && (made == 1 || read_level(rt, results[1], &result->level));
    if (made > 1) api->ReleaseValue(results[1]);
    if (!done) free_result(model, result);
  }
  for (size_t i = 0; i < own; i++)
    if (values[i] != NULL) api->ReleaseValue(values[i]);
  if (memory != NULL) api->ReleaseMemoryInfo(memory);
  return done;
}
