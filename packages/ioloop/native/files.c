/* Sends files, and reads and writes descriptors that are not sockets. Never waits for a disk: bytes that are not in
   memory are not sent. */
#include "reactor.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 8
#endif

enum {
  PROBE_BYTES = 4096, /* all probed bytes are copied to the same place, which stays in the processor's cache */
  PROBES = 32,
  SLICE_BYTES = PROBES * PROBE_BYTES,
  MOST_SLICES = 4, /* in one call: 512 KiB, then other connections are served */
};
static const int64_t MOST_SAFE = 9007199254740991; /* 2^53 - 1: the largest integer that a double represents exactly */

int64_t never_block(Slot *slot) {
  if ((slot->flags & SLOT_MAY_BLOCK) == 0) return 0;
  int flags = fcntl(slot->fd, F_GETFL);
  if (flags == -1) return -errno;
  if ((flags & O_NONBLOCK) == 0 && fcntl(slot->fd, F_SETFL, flags | O_NONBLOCK) == -1) return -errno;
  slot->flags &= ~(uint32_t)SLOT_MAY_BLOCK;
  return 0;
}

uint32_t kind_of(int fd) {
  int type;
  socklen_t size = sizeof type;
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == -1 && errno == ENOTSOCK ? SLOT_NO_SOCKET : 0;
}

int64_t read_no_socket(Slot *slot, void *target, size_t length) {
  ssize_t count;
  int64_t refusal = never_block(slot);
  if (refusal != 0) return refusal;
  RETRY(count, read(slot->fd, target, length));
  return or_errno(count);
}

int64_t write_no_socket(Slot *slot, const struct iovec *pieces, int used) {
  ssize_t count;
  int64_t refusal = never_block(slot); /* MSG_NOSIGNAL exists only for sockets; here, Node ignores SIGPIPE */
  if (refusal != 0) return refusal;
  RETRY(count, writev(slot->fd, pieces, used));
  return or_errno(count);
}

/*
 * Returns how many bytes are in memory, from `offset` to the first one that is not. Returns 0 also if `offset` is
 * beyond the end of the file, or the file system cannot tell. Does not use cachestat(2): it is forty times as fast, but
 * refuses files of other users, counts pages that are still being read from the disk, and trusts the cache of a network
 * file system.
 */
static ssize_t resident_bytes(int fd, int64_t offset, int64_t length) {
  char scratch[PROBE_BYTES];
  struct iovec parts[PROBES];
  int used = 0;
  ssize_t count;
  for (; used < PROBES && length > 0; used++, length -= PROBE_BYTES) {
    parts[used] = (struct iovec){.iov_base = scratch, .iov_len = length < PROBE_BYTES ? (size_t)length : PROBE_BYTES};
  }
  /* Called by its number, because older versions of musl have no function for it. If long has 64 bits, the kernel
     takes the position from the first of the two arguments alone. */
  RETRY(count, syscall(SYS_preadv2, fd, parts, (long)used, (long)offset, (long)(offset >> 32), (long)RWF_NOWAIT));
  return count;
}

static int64_t send_file(Call *call) {
  int64_t fd, offset, length, total = 0;
  if (!read_integer(call, 2, 0, INT32_MAX, "fd", &fd) || !read_integer(call, 3, 0, MOST_SAFE, "offset", &offset) ||
      !read_integer(call, 4, 1, MOST_SAFE, "length", &length)) {
    return THROWN;
  }
  Slot *slot = slot_of(call);
  int64_t refusal = never_block(slot); /* sendfile has no MSG_DONTWAIT */
  if (refusal != 0) return refusal;
  for (int slice = 0; slice < MOST_SLICES && total < length; slice++) {
    ssize_t sent, ready = resident_bytes((int)fd, offset + total, length - total);
    if (ready <= 0) break;
    off_t from = (off_t)(offset + total);
    RETRY(sent, sendfile(slot->fd, (int)fd, &from, (size_t)ready));
    if (sent == -1) return total > 0 ? total : -errno;
    total += sent;
    if (sent < ready) break; /* the send buffer is full */
  }
  return total;
}

const Export FILE_EXPORTS[] = {{"sendFile", send_file, SLOT}, {NULL, NULL, ANY}};
