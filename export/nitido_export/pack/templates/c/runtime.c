#include "runtime.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failure.h"
#include "frame_file.h"

/* Everything called here is older than API 17, so that is what is asked for: the program then also runs with
 * libraries older than the headers it was built with. Models need ONNX Runtime 1.17 themselves. */
#ifndef NITIDO_ORT_API
#if ORT_API_VERSION < 17
#define NITIDO_ORT_API ORT_API_VERSION
#else
#define NITIDO_ORT_API 17
#endif
#endif

bool ok(const OrtApi *api, OrtStatus *status, const char *doing) {
  if (status == NULL) return true;
  const char *message = api->GetErrorMessage(status);
  fail("%s: %.*s", doing, (int)strcspn(message, "\n"), message);
  api->ReleaseStatus(status);
  return false;
}

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

bool open_runtime(struct runtime *rt, const char *path, int threads) {
  uint8_t *bytes;
  size_t size;
  char opening[512];
  *rt = (struct runtime){NULL, NULL, NULL};
  snprintf(opening, sizeof opening, "%s is not a model that this ONNX Runtime can open", path);
  if (!open_api(rt) || !read_file(path, &bytes, &size)) return false;
  OrtSessionOptions *options = NULL;
  const OrtApi *api = rt->api;
  /* Errors come back as statuses; logging them as well would make two lines of one. */
  bool opened = ok(api, api->CreateEnv(ORT_LOGGING_LEVEL_FATAL, "nitido", &rt->env), "cannot start ONNX Runtime") &&
                ok(api, api->CreateSessionOptions(&options), "cannot start ONNX Runtime") &&
                ok(api, api->SetIntraOpNumThreads(options, threads), "cannot set the threads") &&
                ok(api, api->CreateSessionFromArray(rt->env, bytes, size, options, &rt->session), opening);
  if (options != NULL) api->ReleaseSessionOptions(options);
  free(bytes);
  return opened;
}

void close_runtime(struct runtime *rt) {
  if (rt->session != NULL) rt->api->ReleaseSession(rt->session);
  if (rt->env != NULL) rt->api->ReleaseEnv(rt->env);
  *rt = (struct runtime){NULL, NULL, NULL};
}

bool find_setting(const struct runtime *rt, const char *wanted, enum setting *found) {
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
