#include "frame_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failure.h"

/* Reads to the end instead of asking for the size, so that pipes work too. */
bool read_file(const char *path, uint8_t **bytes, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) return fail("cannot read %s: %s", path, strerror(errno));
  size_t room = 1 << 20, used = 0;
  uint8_t *buffer = malloc(room);
  while (buffer != NULL) {
    used += fread(buffer + used, 1, room - used, file);
    if (used < room) break;
    uint8_t *larger = room <= SIZE_MAX / 2 ? realloc(buffer, room * 2) : NULL;
    if (larger == NULL) free(buffer);
    buffer = larger;
    room *= 2;
  }
  int error = ferror(file) ? errno : 0;
  fclose(file);
  if (buffer == NULL) return fail("cannot read %s: it does not fit into memory", path);
  if (error != 0) {
    free(buffer);
    return fail("cannot read %s: %s", path, strerror(error));
  }
  *bytes = buffer;
  *size = used;
  return true;
}

/* The model's colour order is BGR, a PPM's is RGB. */
static void swap_red_and_blue(struct frame *frame) {
  size_t count = (size_t)(frame->width * frame->height);
  for (uint8_t *p = frame->pixels; count > 0; count--, p += 3) {
    uint8_t first = p[0];
    p[0] = p[2];
    p[2] = first;
  }
}

/* A decimal number of a PPM header after white space and comments, or -1. */
static int64_t header_number(const uint8_t *bytes, size_t size, size_t *at) {
  while (*at < size && (strchr(" \t\r\n\v\f", bytes[*at]) || bytes[*at] == '#')) {
    if (bytes[*at] == '\0') return -1; /* strchr finds the end of its string too */
    if (bytes[*at] == '#')
      while (*at < size && bytes[*at] != '\n') (*at)++;
    else
      (*at)++;
  }
  int64_t value = -1;
  for (; *at < size && bytes[*at] >= '0' && bytes[*at] <= '9'; (*at)++) {
    value = (value < 0 ? 0 : value * 10) + (bytes[*at] - '0');
    if (value > 1000000) return -1;
  }
  return value;
}

size_t frame_size(const struct frame *frame) { return (size_t)(3 * frame->width * frame->height); }

bool read_frame(const char *path, int64_t width, int64_t height, struct frame *frame) {
  uint8_t *bytes;
  size_t size, start = 0;
  if (!read_file(path, &bytes, &size)) return false;
  frame->pixels = bytes; /* freed by the caller, whatever happens below */
  frame->width = width;
  frame->height = height;
  bool ppm = width == 0;
  if (ppm) {
    if (size < 2 || bytes[0] != 'P' || bytes[1] != '6')
      return fail("%s is not a binary PPM (P6); for a raw BGR24 frame give --size WxH", path);
    start = 2;
    frame->width = header_number(bytes, size, &start);
    frame->height = header_number(bytes, size, &start);
    int64_t top = header_number(bytes, size, &start);
    if (frame->width < 1 || frame->height < 1 || top < 0)
      return fail("%s has a damaged PPM header: expected width, height and maximum", path);
    if (top != 255) return fail("%s has maximum %d, expected 255 (8 bits)", path, (int)top);
    start++; /* the one white space after the maximum */
  }
  uint64_t expected = 3 * (uint64_t)frame->width * (uint64_t)frame->height;
  uint64_t found = start <= size ? size - start : 0;
  frame->count = ppm ? 1 : (int64_t)(found / expected);
  if (found < expected || found != expected * (uint64_t)frame->count)
    return fail("%s: a frame of %dx%d has %llu bytes, found %llu; %s", path, (int)frame->width, (int)frame->height,
                (unsigned long long)expected, (unsigned long long)found, ppm ? "write it again" : "check --size");
  memmove(bytes, bytes + start, (size_t)found);
  if (ppm) swap_red_and_blue(frame);
  return true;
}

bool write_frame(const char *path, bool ppm, struct frame *frame) {
  size_t room = strlen(path) + sizeof ".partial";
  char *partial = malloc(room);
  if (partial == NULL) return fail("out of memory");
  snprintf(partial, room, "%s.partial", path);
  bool done = false;
  FILE *file = fopen(partial, "wb");
  if (file == NULL) {
    fail("cannot write %s: %s", path, strerror(errno));
  } else {
    size_t size = frame_size(frame) * (size_t)frame->count;
    if (ppm) {
      swap_red_and_blue(frame);
      fprintf(file, "P6\n%d %d\n255\n", (int)frame->width, (int)frame->height);
    }
    bool written = fwrite(frame->pixels, 1, size, file) == size && fflush(file) == 0;
    int error = errno;
    if (fclose(file) != 0 && written) {
      written = false;
      error = errno;
    }
#ifdef _WIN32
    if (written) remove(path); /* rename does not replace there */
#endif
    done = written && rename(partial, path) == 0;
    if (!done) {
      fail("cannot write %s: %s; nothing was changed", path, strerror(written ? errno : error));
      remove(partial);
    }
  }
  free(partial);
  return done;
}
