/* A session of ONNX Runtime, through its C API. */
#ifndef NITIDO_RUNTIME_H
#define NITIDO_RUNTIME_H

#include <stdbool.h>

#include <onnxruntime_c_api.h>

struct runtime {
  const OrtApi *api;
  OrtEnv *env;
  OrtSession *session;
};

/* Reports and frees a failed status; true when there is none. */
bool ok(const OrtApi *api, OrtStatus *status, const char *doing);

/* Opens an .onnx file, or an .ort file. threads: 0 lets the library decide. Close it also after a failure. */
bool open_runtime(struct runtime *rt, const char *path, int threads);

void close_runtime(struct runtime *rt);

/* How a model takes a number: not at all, as an initializer that is also an input, or as a plain input, which must
 * be given. */
enum setting { ABSENT, OPTIONAL, REQUIRED };

bool find_setting(const struct runtime *rt, const char *wanted, enum setting *found);

#endif
