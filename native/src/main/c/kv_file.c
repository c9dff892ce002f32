/* Open files, by their descriptors. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kv_io.h"

#if defined(__linux__)
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int32_t kv_file_open(const char *path, int32_t direct) {
  const int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | (direct ? O_DIRECT : 0);
  int file;
  do {
    file = open(path, flags, 0600);
  } while (file < 0 && errno == EINTR);
  return file < 0 ? -errno : file;
}

int64_t kv_file_size(int32_t file) {
  struct stat found;
  return fstat(file, &found) < 0 ? -errno : (int64_t)found.st_size;
}

int32_t kv_file_resize(int32_t file, int64_t bytes) {
  int failed;
  do {
    failed = ftruncate(file, bytes);
  } while (failed && errno == EINTR);
  return failed ? -errno : 0;
}

int32_t kv_file_sync(int32_t file) {
  /* Not asked again after a failure: the kernel forgets what it could not write. */
  return fdatasync(file) ? -errno : 0;
}

int32_t kv_file_close(int32_t file) {
  /* The descriptor is gone even if a signal came in between. */
  return close(file) && errno != EINTR ? -errno : 0;
}

#else

int32_t kv_file_open(const char *path, int32_t direct) {
  (void)path, (void)direct;
  return -ENOSYS;
}

int64_t kv_file_size(int32_t file) {
  (void)file;
  return -ENOSYS;
}

int32_t kv_file_resize(int32_t file, int64_t bytes) {
  (void)file, (void)bytes;
  return -ENOSYS;
}

int32_t kv_file_sync(int32_t file) {
  (void)file;
  return -ENOSYS;
}

int32_t kv_file_close(int32_t file) {
  (void)file;
  return -ENOSYS;
}
#endif

void kv_error_text(int32_t error, char *text, int32_t capacity) {
  if (capacity > 0) {
    snprintf(text, (size_t)capacity, "%s", strerror(error));
  }
}
