/*
 * The native reactor: readiness from epoll and thin system calls on slots. No policy, no buffers of its own.
 * What each exported function promises is written in src/reactor/native-binding.ts; this file says how it is kept.
 *
 * Rules that hold everywhere:
 * - Everything lives in one State per environment (thread); nothing is global, so worker threads need no lock.
 * - A slot is looked up again after any call that may have run JavaScript or moved the table.
 * - A status of Node-API that is not ok ends the call. Nothing here aborts the process.
 */
#pragma once

#define _GNU_SOURCE /* accept4 */
#define _FILE_OFFSET_BITS 64
#define NAPI_VERSION 8

#include <errno.h>
#include <netinet/in.h>
#include <node_api.h>
#include <stdbool.h>
#include <stdint.h>

enum { MAX_EVENTS = 256, MAX_WAIT_MS = 50 };

enum SlotFlags {
  SLOT_POLLER = 1,     /* the descriptor is an epoll instance */
  SLOT_PEER_KNOWN = 2, /* accept left the peer's address in `peer` */
  SLOT_MAY_BLOCK = 4,  /* adopted or owned as it was: O_NONBLOCK is not known to be set */
  SLOT_NO_SOCKET = 8,  /* a pipe, a terminal: read(2) and write(2) instead of recv(2) and send(2) */
};

/* 44 bytes for each descriptor: the whole native cost of an idle connection. */
typedef struct {
  int32_t fd;         /* -1: the slot is free */
  int32_t generation; /* 1..INT32_MAX, a new one for every use of the slot */
  int32_t poller;     /* slot of the poller that watches fd, or -1; in a free slot, the next free one or -1 */
  uint32_t flags;
  struct sockaddr_in6 peer; /* large enough for sockaddr_in too */
} Slot;

typedef struct Watch Watch;
typedef struct State State;

/* What an exported function carries: what it does, and for which environment. */
typedef struct {
  const struct Export *export;
  State *state;
} Function;

enum { MAX_FUNCTIONS = 32 };

struct State {
  napi_env env;
  Slot *slots;
  int32_t capacity;
  int32_t first_free; /* -1: the table is full */
  int32_t live;
  Watch *watch;       /* the poller in Node's loop, or NULL */
  int32_t closing;    /* handles of libuv whose close callback is still to come */
  int32_t owners;     /* the environment's data and the cleanup hook: who comes last frees the state */
  bool ending;        /* the environment is being torn down: no new descriptors */
  napi_async_cleanup_hook_handle hook;
  napi_ref slice;     /* String.prototype.slice as it was when we were loaded */
  char *scratch;      /* SCRATCH_BYTES for strings that do not fit the stack; allocated when first needed */
  int32_t function_count;
  Function functions[MAX_FUNCTIONS];
};

/* One call from JavaScript. The entry in reactor.c has read the arguments and, for most calls, checked the slot. */
enum { MAX_ARGUMENTS = 6 };
typedef struct {
  napi_env env;
  State *state;
  const char *name; /* for errors */
  int32_t slot;     /* the live slot that the first two arguments name */
  napi_value argv[MAX_ARGUMENTS];
  napi_value value; /* the answer, when it is VALUE */
} Call;

/* What a call answers: a number (a negative one is -errno), or one of these. */
#define THROWN INT64_MIN      /* an exception is pending */
#define VALUE (INT64_MIN + 1) /* Call.value, which starts as NULL: undefined */

typedef struct Export {
  const char *name;
  int64_t (*run)(Call *call);
  enum { ANY, SLOT, POLLER } first; /* what the first two arguments must name */
} Export;
/* A NULL name ends each. */
extern const Export SLOT_EXPORTS[], SOCKET_EXPORTS[], BYTES_EXPORTS[], FILE_EXPORTS[], POLLER_EXPORTS[];

static inline Slot *slot_of(const Call *call) { return &call->state->slots[call->slot]; }
static inline int fd_of(const Call *call) { return slot_of(call)->fd; }
static inline int64_t or_errno(int64_t result) { return result == -1 ? -errno : result; }

/* slots.c: the table */
int32_t slot_take(State *state, int fd, uint32_t flags);          /* slot, or -errno and fd stays the caller's */
int32_t slot_take_or_close(State *state, int fd, uint32_t flags); /* slot, or -errno and fd is closed */
void slot_free(State *state, int32_t index);             /* forgets the descriptor; does not close it */
bool slot_is_live(const State *state, int32_t index, int32_t generation);
void slots_close_all(State *state);

/* arguments.c. Readers return false when they have thrown. */
int64_t throw_bad_argument(const Call *call, const char *expectation); /* always THROWN */
bool read_integer(const Call *call, size_t at, int64_t least, int64_t most, const char *what, int64_t *result);
bool read_bytes(const Call *call, napi_value value, uint8_t **data, size_t *length);
bool read_triples(const Call *call, napi_value value, int32_t **data, size_t *triples);
bool read_slot(const Call *call, size_t at, int32_t *index); /* from argv[at] and argv[at + 1] */

/* files.c */
struct iovec;
uint32_t kind_of(int fd);         /* SLOT_NO_SOCKET or 0 */
int64_t never_block(Slot *slot);  /* sets O_NONBLOCK where it may be missing; for calls without MSG_DONTWAIT. 0 or -errno */
int64_t read_no_socket(Slot *slot, void *target, size_t length);
int64_t write_no_socket(Slot *slot, const struct iovec *pieces, int used);

/* poller.c */
void poller_forget(State *state, int32_t index); /* takes the slot out of its poller, or ends a poller; before close and release */
void watch_end(State *state);

/* reactor.c */
void state_disown(State *state);
void state_hook_done(State *state);

typedef struct {
  const char *name;
  int level;
  int number;
} OptionName;
enum { OPTION_COUNT = 9 };
extern const OptionName OPTION_NAMES[OPTION_COUNT];

/* The system call again when a signal cut it short. */
#define RETRY(result, expression)                          \
  do {                                                     \
    (result) = (expression);                               \
  } while ((result) == -1 && errno == EINTR)
