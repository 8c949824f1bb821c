/* The hot calls, which receive and send bytes. They always use MSG_DONTWAIT, because an adopted descriptor may be in
   blocking mode. For descriptors other than sockets there is no such flag; they are made non-blocking instead. */
#include "tls.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
  SCRATCH_BYTES = 256 * 1024, /* most bytes of long strings converted in one call; the kernel rarely takes more */
  SEND_FLAGS = MSG_NOSIGNAL | MSG_DONTWAIT,
};

/* Does not call recv(2) and send(2) of the C library: those are cancellation points, which cost time in a process
   with threads. */
int64_t socket_recv(int fd, void *target, size_t length) {
  ssize_t count;
  RETRY(count, syscall(SYS_recvfrom, fd, target, length, MSG_DONTWAIT, NULL, NULL));
  return or_errno(count);
}

int64_t socket_send(int fd, const void *bytes, size_t length) {
  ssize_t count;
  RETRY(count, syscall(SYS_sendto, fd, bytes, length, SEND_FLAGS, NULL, 0));
  return or_errno(count);
}

/* Reads (bytes, offset, length) starting at argv[2], and checks that the range is inside the array. */
bool read_range(const Call *call, int64_t least, uint8_t **start, int64_t *length) {
  size_t size;
  int64_t offset;
  if (!read_bytes(call, call->argv[2], start, &size)) return false;
  if (!read_integer(call, 3, 0, (int64_t)size, "offset", &offset)) return false;
  *start += offset;
  return read_integer(call, 4, least, (int64_t)size - offset, "length", length);
}

static int64_t receive(Call *call) {
  uint8_t *target;
  int64_t length;
  if (!read_range(call, 1, &target, &length)) return THROWN; /* at least 1, because a result of 0 must mean the end */
  Slot *slot = slot_of(call);
  if ((slot->flags & SLOT_NO_SOCKET) != 0) return read_no_socket(slot, target, (size_t)length);
  return socket_recv(slot->fd, target, (size_t)length);
}

static int64_t send_from(Slot *slot, const void *bytes, size_t length) {
  if ((slot->flags & SLOT_NO_SOCKET) != 0) {
    struct iovec piece = {.iov_base = (void *)bytes, .iov_len = length};
    return write_no_socket(slot, &piece, 1);
  }
  return length == 0 ? 0 : socket_send(slot->fd, bytes, length);
}

static int64_t send_bytes(Call *call) {
  uint8_t *bytes;
  int64_t length;
  return read_range(call, 0, &bytes, &length) ? send_from(slot_of(call), bytes, (size_t)length) : THROWN;
}

static bool scratch_ready(const Call *call) {
  State *state = call->state;
  if (state->scratch == NULL) state->scratch = malloc(SCRATCH_BYTES + 1);
  if (state->scratch != NULL) return true;
  napi_throw_error(call->env, "ERR_REACTOR_BAD_ARGUMENT", "out of memory while converting the string");
  return false;
}

typedef enum { PIECE_WHOLE, PIECE_CUT, PIECE_THROWN } Piece;

/*
 * Converts a string that does not fit on the stack. Node-API can convert only from the start of a string, so a long
 * string is sliced first (V8 references the parent and copies nothing). Sending n bytes, in any number of calls, thus
 * stays linear in n.
 */
static Piece convert_long(const Call *call, napi_value text, size_t length, size_t skip, Arena *arena, struct iovec *out) {
  State *state = call->state;
  napi_value slice, part, bounds[2];
  if (!arena->scratch_used) {
    if (!scratch_ready(call)) return PIECE_THROWN;
    *arena = (Arena){.free = state->scratch, .room = SCRATCH_BYTES + 1, .scratch_used = true};
  }
  size_t end = length - skip < arena->room ? length : skip + arena->room - 1;
  size_t copied;
  if (napi_get_reference_value(call->env, state->slice, &slice) != napi_ok ||
      napi_create_double(call->env, (double)skip, &bounds[0]) != napi_ok ||
      napi_create_double(call->env, (double)end, &bounds[1]) != napi_ok ||
      napi_call_function(call->env, text, slice, 2, bounds, &part) != napi_ok ||
      napi_get_value_string_latin1(call->env, part, arena->free, arena->room, &copied) != napi_ok) {
    throw_bad_argument(call, "the string could not be converted");
    return PIECE_THROWN;
  }
  *out = (struct iovec){.iov_base = arena->free, .iov_len = copied};
  arena->free += copied;
  arena->room -= copied;
  return end == length ? PIECE_WHOLE : PIECE_CUT;
}

/* Stores the bytes of a string, from `skip` on, in `out`. Returns PIECE_CUT if only some of them fitted. */
static Piece convert(const Call *call, napi_value text, size_t skip, Arena *arena, struct iovec *out) {
  size_t copied, length;
  if (!arena->scratch_used && arena->room > 1) {
    napi_status status = napi_get_value_string_latin1(call->env, text, arena->free, arena->room, &copied);
    if (status == napi_ok && copied + 1 < arena->room && skip <= copied) {
      *out = (struct iovec){.iov_base = arena->free + skip, .iov_len = copied - skip};
      arena->free += copied;
      arena->room -= copied;
      return PIECE_WHOLE;
    }
  }
  if (napi_get_value_string_latin1(call->env, text, NULL, 0, &length) != napi_ok) {
    throw_bad_argument(call, "the data must be a string or a Uint8Array");
    return PIECE_THROWN;
  }
  if (skip > length) {
    throw_bad_argument(call, "offset is beyond the end of the string");
    return PIECE_THROWN;
  }
  return convert_long(call, text, length, skip, arena, out);
}

bool read_latin1(const Call *call, Arena *arena, struct iovec *text) {
  int64_t offset;
  if (!read_integer(call, 3, 0, INT_MAX, "offset", &offset)) return false;
  return convert(call, call->argv[2], (size_t)offset, arena, text) != PIECE_THROWN;
}

static int64_t send_latin1(Call *call) {
  char stack[STACK_BYTES];
  Arena arena = {.free = stack, .room = sizeof stack};
  struct iovec text;
  if (!read_latin1(call, &arena, &text)) return THROWN;
  return send_from(slot_of(call), text.iov_base, text.iov_len);
}

static int64_t send_part(Slot *slot, char *text, size_t length) {
  struct iovec piece = {.iov_base = text, .iov_len = length};
  return slot->tls == NULL ? send_from(slot, text, length) : tls_send(slot->tls, slot->fd, &piece, 1);
}

static int64_t send_batch(Call *call) {
  int32_t *triples;
  size_t capacity, length;
  int64_t count, total = 0;
  if (!read_triples(call, call->argv[0], &triples, &capacity)) return THROWN;
  if (!read_integer(call, 1, 0, (int64_t)capacity, "count", &count)) return THROWN;
  if (!scratch_ready(call)) return THROWN;
  char *text = call->state->scratch;
  if (napi_get_value_string_latin1(call->env, call->argv[2], text, SCRATCH_BYTES + 1, &length) != napi_ok) {
    return throw_bad_argument(call, "text must be a string");
  }
  for (int64_t at = 0; at < count; at++) {
    if (triples[3 * at + 2] < 0) return throw_bad_argument(call, "a part must not have a negative length");
    total += triples[3 * at + 2];
  }
  if (total != (int64_t)length) return throw_bad_argument(call, "the parts must add up to a text of at most 256 KiB");
  for (int64_t at = 0; at < count; at++) {
    int32_t *triple = &triples[3 * at], part = triple[2];
    bool live = slot_is_live(call->state, triple[0], triple[1]);
    triple[2] = live ? (int32_t)send_part(&call->state->slots[triple[0]], text, (size_t)part) : -EBADF;
    text += part;
  }
  return VALUE;
}

static bool is_string(napi_env env, napi_value value) {
  napi_valuetype type;
  return napi_typeof(env, value, &type) == napi_ok && type == napi_string;
}

/* Fills at most `count` entries of `iov`. Returns the number of entries used, or -1 after throwing. */
static int gather(const Call *call, const napi_value *pieces, uint32_t count, size_t skip, Arena *arena, struct iovec *iov) {
  int used = 0;
  for (uint32_t at = 0; at < count; at++) {
    Piece piece = PIECE_WHOLE;
    if (is_string(call->env, pieces[at])) {
      piece = convert(call, pieces[at], skip, arena, &iov[used]);
      if (piece == PIECE_THROWN) return -1;
    } else {
      uint8_t *bytes;
      size_t length;
      if (!read_bytes(call, pieces[at], &bytes, &length)) return -1;
      if (skip > length) {
        throw_bad_argument(call, "skip is beyond the end of the first piece");
        return -1;
      }
      iov[used] = (struct iovec){.iov_base = bytes + skip, .iov_len = length - skip};
    }
    skip = 0; /* applies to the first piece only */
    if (iov[used].iov_len > 0) used++;
    if (piece == PIECE_CUT) break; /* the next call sends the rest */
  }
  return used;
}

int read_pieces(Call *call, Arena *arena, struct iovec *iov) {
  uint32_t length;
  int64_t first, skip;
  napi_value pieces[MAX_PIECES];
  if (napi_get_array_length(call->env, call->argv[2], &length) != napi_ok) {
    throw_bad_argument(call, "pieces must be an array");
    return -1;
  }
  if (!read_integer(call, 3, 0, length, "first", &first)) return -1;
  if (!read_integer(call, 4, 0, INT_MAX, "skip", &skip)) return -1;
  uint32_t count = length - (uint32_t)first < MAX_PIECES ? length - (uint32_t)first : MAX_PIECES;
  for (uint32_t at = 0; at < count; at++) {
    if (napi_get_element(call->env, call->argv[2], (uint32_t)first + at, &pieces[at]) != napi_ok) return -1;
  }
  /* An element may be a getter that has closed the slot or detached a buffer. From here on, no JavaScript runs. */
  if (!read_slot(call, 0, &call->slot)) return -1;
  return gather(call, pieces, count, (size_t)skip, arena, iov);
}

static int64_t send_vector(Call *call) {
  struct iovec iov[MAX_PIECES];
  char stack[STACK_BYTES];
  Arena arena = {.free = stack, .room = sizeof stack};
  int used = read_pieces(call, &arena, iov);
  if (used <= 0) return used == 0 ? 0 : THROWN;
  Slot *slot = slot_of(call);
  if ((slot->flags & SLOT_NO_SOCKET) != 0) return write_no_socket(slot, iov, used);
  struct msghdr message = {.msg_iov = iov};
  message.msg_iovlen = (unsigned)used; /* the type of this field differs between glibc and musl */
  ssize_t taken;
  RETRY(taken, sendmsg(fd_of(call), &message, SEND_FLAGS));
  return or_errno(taken);
}

const Export BYTES_EXPORTS[] = {
    {"recv", receive, SLOT}, {"sendBytes", send_bytes, SLOT}, {"sendLatin1", send_latin1, SLOT},
    {"sendVector", send_vector, SLOT}, {"sendBatch", send_batch, ANY}, {NULL, NULL, ANY},
};
