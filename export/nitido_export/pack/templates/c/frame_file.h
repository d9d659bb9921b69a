/* Frames in files: a binary PPM (P6, 8 bits), or raw BGR24 frames one after the other. */
#ifndef NITIDO_FRAME_FILE_H
#define NITIDO_FRAME_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* BGR, 8 bits, row by row without gaps: what the model takes and returns. */
struct frame {
  uint8_t *pixels;
  int64_t width, height;
  int64_t count; /* frames of this size, one after the other */
};

/* Bytes of one of them. */
size_t frame_size(const struct frame *frame);

/* The whole file, for the caller to free. */
bool read_file(const char *path, uint8_t **bytes, size_t *size);

/* Reads raw frames of the given size, or a PPM when the width is 0. The caller frees `frame->pixels`, also after a
 * failure. */
bool read_frame(const char *path, int64_t width, int64_t height, struct frame *frame);

/* Writes next to `path` and renames, so that the file is there complete or not at all. A PPM swaps the colours of
 * `frame` in place. */
bool write_frame(const char *path, bool ppm, struct frame *frame);

#endif
