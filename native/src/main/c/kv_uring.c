/* Pieces of files through io_uring: one call into the kernel for many of them. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kv_io.h"

#if defined(__linux__) && defined(__has_include)
#if __has_include(<linux/io_uring.h>)
#define KV_HAS_URING
#endif
#endif

#ifdef KV_HAS_URING
#include <linux/io_uring.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The same on every architecture; older headers lack some. */
#ifndef __NR_io_uring_setup
#define __NR_io_uring_setup 425
#define __NR_io_uring_enter 426
#endif
enum { SETUP_COOP_TASKRUN = 1u << 8 };

/* One mapping for both queues, no completion is dropped, and reads and writes without iovecs: Linux
 * 5.6. */
enum { FEATURES = 1u << 0 | 1u << 1 | 1u << 3 };

struct kv_uring {
  int fd;
  uint32_t depth;
  void *queues;
  size_t queues_bytes;
  struct io_uring_sqe *asked;
  size_t asked_bytes;
  uint32_t *asked_head, *asked_tail, asked_mask;
  struct io_uring_cqe *done;
  uint32_t *done_head, *done_tail, done_mask;
  /* The call that is under way. */
  int32_t file;
  kv_piece *pieces;
  int32_t count;
  int32_t next;   /* pieces in or past the queue */
  int32_t result; /* pieces with results */
};

static int enter(const kv_uring *ring, uint32_t submit, uint32_t wait) {
  const long got = syscall(__NR_io_uring_enter, ring->fd, submit, wait,
                           wait ? IORING_ENTER_GETEVENTS : 0u, NULL, (size_t)0);
  return got < 0 ? -errno : (int)got;
}

/* The next place in the queue. It counts once the tail is moved past it. */
static struct io_uring_sqe *place(kv_uring *ring) {
  struct io_uring_sqe *const sqe = &ring->asked[*ring->asked_tail & ring->asked_mask];
  memset(sqe, 0, sizeof *sqe);
  return sqe;
}

static void put(kv_uring *ring) {
  __atomic_store_n(ring->asked_tail, *ring->asked_tail + 1, __ATOMIC_RELEASE);
}

static int setup(uint32_t depth, struct io_uring_params *params) {
  /* No interrupts for completions: who waits is in the kernel anyway. Since Linux 5.19. */
  memset(params, 0, sizeof *params);
  params->flags = SETUP_COOP_TASKRUN;
  long fd = syscall(__NR_io_uring_setup, depth, params);
  if (fd < 0 && errno == EINVAL) {
    memset(params, 0, sizeof *params);
    fd = syscall(__NR_io_uring_setup, depth, params);
  }
  return fd < 0 ? -errno : (int)fd;
}

static int map(kv_uring *ring, const struct io_uring_params *params) {
  const size_t asked_end = params->sq_off.array + params->sq_entries * sizeof(uint32_t);
  const size_t done_end = params->cq_off.cqes + params->cq_entries * sizeof(struct io_uring_cqe);
  ring->queues_bytes = asked_end > done_end ? asked_end : done_end;
  ring->queues = mmap(NULL, ring->queues_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
                      ring->fd, IORING_OFF_SQ_RING);
  if (ring->queues == MAP_FAILED) {
    ring->queues = NULL;
    return -errno;
  }
  ring->asked_bytes = params->sq_entries * sizeof(struct io_uring_sqe);
  void *const asked = mmap(NULL, ring->asked_bytes, PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_POPULATE, ring->fd, IORING_OFF_SQES);
  if (asked == MAP_FAILED) {
    return -errno;
  }
  ring->asked = asked;
  uint8_t *const queues = ring->queues;
  ring->depth = params->sq_entries;
  ring->asked_head = (uint32_t *)(queues + params->sq_off.head);
  ring->asked_tail = (uint32_t *)(queues + params->sq_off.tail);
  ring->asked_mask = *(uint32_t *)(queues + params->sq_off.ring_mask);
  ring->done = (struct io_uring_cqe *)(queues + params->cq_off.cqes);
  ring->done_head = (uint32_t *)(queues + params->cq_off.head);
  ring->done_tail = (uint32_t *)(queues + params->cq_off.tail);
  ring->done_mask = *(uint32_t *)(queues + params->cq_off.ring_mask);
  uint32_t *const array = (uint32_t *)(queues + params->sq_off.array);
  for (uint32_t i = 0; i < params->sq_entries; i++) {
    array[i] = i;
  }
  return 0;
}

/* Asks for nothing and waits for the answer: a filter may allow to make rings and not to use them. */
static int try_out(kv_uring *ring) {
  place(ring)->opcode = IORING_OP_NOP;
  put(ring);
  int got;
  do {
    got = enter(ring, *ring->asked_tail - __atomic_load_n(ring->asked_head, __ATOMIC_ACQUIRE), 1);
  } while (got == -EINTR);
  if (got < 0) {
    return got;
  }
  const uint32_t head = *ring->done_head;
  while (__atomic_load_n(ring->done_tail, __ATOMIC_ACQUIRE) == head) {
    sched_yield();
  }
  const int result = ring->done[head & ring->done_mask].res;
  __atomic_store_n(ring->done_head, head + 1, __ATOMIC_RELEASE);
  return result;
}

int32_t kv_uring_open(int32_t depth, kv_uring **made) {
  if (depth < 1 || depth > KV_URING_DEPTH_MAX) {
    return -EINVAL;
  }
  kv_uring *const ring = calloc(1, sizeof *ring);
  if (!ring) {
    return -ENOMEM;
  }
  struct io_uring_params params;
  ring->fd = setup((uint32_t)depth, &params);
  int result = ring->fd;
  if (result >= 0) {
    result = (params.features & FEATURES) == FEATURES ? map(ring, &params) : -ENOSYS;
  }
  if (result >= 0) {
    result = try_out(ring);
  }
  if (result < 0) {
    kv_uring_close(ring);
    return result;
  }
  *made = ring;
  return 0;
}

void kv_uring_close(kv_uring *ring) {
  if (ring->asked) {
    munmap(ring->asked, ring->asked_bytes);
  }
  if (ring->queues) {
    munmap(ring->queues, ring->queues_bytes);
  }
  if (ring->fd >= 0) {
    close(ring->fd);
  }
  free(ring);
}

/* Puts pieces into the queue while it has room; how many are in it that the kernel has not taken. */
static uint32_t ask(kv_uring *ring) {
  while (ring->next < ring->count && ring->next - ring->result < (int32_t)ring->depth) {
    const kv_piece *const piece = &ring->pieces[ring->next];
    struct io_uring_sqe *const sqe = place(ring);
    sqe->opcode = piece->write ? IORING_OP_WRITE : IORING_OP_READ;
    sqe->fd = ring->file;
    sqe->off = (uint64_t)piece->offset;
    sqe->addr = (uint64_t)(uintptr_t)piece->memory;
    sqe->len = (uint32_t)piece->bytes;
    sqe->user_data = (uint64_t)ring->next++;
    put(ring);
  }
  return *ring->asked_tail - __atomic_load_n(ring->asked_head, __ATOMIC_ACQUIRE);
}

static void take_results(kv_uring *ring) {
  uint32_t head = *ring->done_head;
  const uint32_t tail = __atomic_load_n(ring->done_tail, __ATOMIC_ACQUIRE);
  for (; head != tail; head++) {
    const struct io_uring_cqe *const cqe = &ring->done[head & ring->done_mask];
    ring->pieces[cqe->user_data].result = cqe->res;
    ring->result++;
  }
  __atomic_store_n(ring->done_head, head, __ATOMIC_RELEASE);
}

/* After a refusal: waits for one of those under way, whose memory is the kernel's. If there are
 * none, what is left gets the error as its result. */
static void refused(kv_uring *ring, int error) {
  const uint32_t queued =
      *ring->asked_tail - __atomic_load_n(ring->asked_head, __ATOMIC_ACQUIRE);
  const int32_t taken = ring->next - (int32_t)queued;
  if (taken > ring->result) {
    /* Should this wait fail too, they are looked for again and again. */
    if (enter(ring, 0, 1) < 0) {
      sched_yield();
    }
    take_results(ring);
    return;
  }
  __atomic_store_n(ring->asked_tail, *ring->asked_tail - queued, __ATOMIC_RELEASE);
  for (int32_t i = taken; i < ring->count; i++) {
    ring->pieces[i].result = error;
  }
  ring->next = ring->result = ring->count;
}

/* Without the ring, where the kernel had no memory for the request or a signal came. */
static void move_plainly(int32_t file, kv_piece *piece) {
  ssize_t moved;
  do {
    moved = piece->write ? pwrite(file, piece->memory, (size_t)piece->bytes, piece->offset)
                         : pread(file, piece->memory, (size_t)piece->bytes, piece->offset);
  } while (moved < 0 && errno == EINTR);
  piece->result = moved < 0 ? -errno : (int32_t)moved;
}

static void start(kv_uring *ring, int32_t file, kv_piece *pieces, int32_t count) {
  ring->file = file;
  ring->pieces = pieces;
  ring->count = count;
  ring->next = 0;
  ring->result = 0;
}

void kv_uring_begin(kv_uring *ring, int32_t file, kv_piece *pieces, int32_t count,
                    const void *memory) {
  (void)memory;
  start(ring, file, pieces, count);
  const uint32_t queued = ask(ring);
  if (queued > 0) {
    /* What is not taken now is asked for again when this is finished. */
    (void)enter(ring, queued, 0);
  }
}

void kv_uring_finish(kv_uring *ring) {
  while (ring->result < ring->count) {
    const uint32_t queued = ask(ring);
    /* The queue is filled up when it is half empty, and the last ones are waited for together. */
    const uint32_t flying = (uint32_t)(ring->next - ring->result);
    const int got =
        enter(ring, queued, ring->next < ring->count ? (ring->depth + 1) / 2 : flying);
    take_results(ring);
    if (got < 0 && got != -EINTR && ring->result < ring->count) {
      refused(ring, got);
    }
  }
  for (int32_t i = 0; i < ring->count; i++) {
    if (ring->pieces[i].result == -EAGAIN || ring->pieces[i].result == -EINTR) {
      move_plainly(ring->file, &ring->pieces[i]);
    }
  }
}

void kv_uring_transfer(kv_uring *ring, int32_t file, kv_piece *pieces, int32_t count,
                       const void *memory) {
  (void)memory;
  start(ring, file, pieces, count);
  kv_uring_finish(ring);
}

#else

int32_t kv_uring_open(int32_t depth, kv_uring **ring) {
  (void)depth, (void)ring;
  return -ENOSYS;
}

void kv_uring_transfer(kv_uring *ring, int32_t file, kv_piece *pieces, int32_t count,
                       const void *memory) {
  (void)ring, (void)file, (void)memory;
  for (int32_t i = 0; i < count; i++) {
    pieces[i].result = -ENOSYS;
  }
}

void kv_uring_begin(kv_uring *ring, int32_t file, kv_piece *pieces, int32_t count,
                    const void *memory) {
  kv_uring_transfer(ring, file, pieces, count, memory);
}

void kv_uring_finish(kv_uring *ring) { (void)ring; }

void kv_uring_close(kv_uring *ring) { (void)ring; }
#endif
