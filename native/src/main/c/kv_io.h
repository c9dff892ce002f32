/*
 * Files, and reads and writes that go to the kernel many at a time through Linux' io_uring. The
 * kernel's own calls alone; no library.
 *
 * What can fail answers a negative error number, such as -ENOSPC, and elsewhere than on Linux
 * -ENOSYS.
 */
#ifndef KV_IO_H
#define KV_IO_H

#include "kv_fold.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A piece of a file and the memory that it is read into or written from. */
typedef struct {
  void *memory;
  int64_t offset; /* in the file */
  int32_t bytes;
  int32_t write;  /* 1: to the file; 0: from it */
  int32_t result; /* bytes moved, maybe fewer than asked for, or a negative error number */
  int32_t reserved;
} kv_piece;

/* Two queues shared with the kernel: of what is asked for, and of what is done. */
typedef struct kv_uring kv_uring;

/* The most that a queue holds. */
enum { KV_URING_DEPTH_MAX = 4096 };

/* Makes a ring with room for `depth` pieces under way, after it has seen that it works. */
KV_EXPORT int32_t kv_uring_open(int32_t depth, kv_uring **ring);

/* Moves all pieces and sets their results; returns when the kernel is done with all their memory.
 * One thread at a time. `memory` is not read here: a binding keeps alive what it points to. */
KV_EXPORT void kv_uring_transfer(kv_uring *ring, int32_t file, kv_piece *pieces, int32_t count,
                                 const void *memory);

/* The same in two steps, by the same thread: sends off as many pieces as the queue has room for;
 * sends the others, and waits for all. */
KV_EXPORT void kv_uring_begin(kv_uring *ring, int32_t file, kv_piece *pieces, int32_t count,
                              const void *memory);
KV_EXPORT void kv_uring_finish(kv_uring *ring);

KV_EXPORT void kv_uring_close(kv_uring *ring);

/* Opens a file to read and write, new with mode 0600 if it is not there, but no link. `direct`:
 * past the page cache, or -EINVAL where the file system cannot. */
KV_EXPORT int32_t kv_file_open(const char *path, int32_t direct);

KV_EXPORT int64_t kv_file_size(int32_t file);
KV_EXPORT int32_t kv_file_resize(int32_t file, int64_t bytes);

/* Makes contents and size durable. */
KV_EXPORT int32_t kv_file_sync(int32_t file);

KV_EXPORT int32_t kv_file_close(int32_t file);

/* Writes the system's words for an error number, ended by a zero. */
KV_EXPORT void kv_error_text(int32_t error, char *text, int32_t capacity);

#ifdef __cplusplus
}
#endif

#endif
