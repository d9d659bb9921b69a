/* Errors: one line on stderr, and false. */
#ifndef NITIDO_FAILURE_H
#define NITIDO_FAILURE_H

#include <stdbool.h>

/* Prints the line; returns false, so that a caller can `return fail(...)`. */
bool fail(const char *format, ...);

#endif
