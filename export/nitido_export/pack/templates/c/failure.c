#include "failure.h"

#include <stdarg.h>
#include <stdio.h>

bool fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("nitido-frame: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  return false;
}
