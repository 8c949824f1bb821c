/*
 * The native reactor: readiness from epoll, and thin system calls on slots. It has no policy and no buffers of its own.
 * The contract of each exported function is in src/reactor/native-binding.ts; this file describes the implementation.
 *
 * Rules for all files:
 * - All data is in one State per environment (thread), so worker threads need no lock. The only exception is the table
 *   of OpenSSL's functions (openssl.h), which is the same in all of them.
 * - A slot is looked up again after any call that may have run JavaScript or moved the table.
 * - If Node-API returns a status other than ok, the call ends. Nothing here aborts the process.
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
  SLOT_PEER_KNOWN = 2, /* accept has stored the peer's address in `peer` */
  SLOT_MAY_BLOCK = 4,  /* adopted or owned without change: O_NONBLOCK may be missing */
  SLOT_NO_SOCKET = 8,  /* such as a pipe or a terminal: use read(2) and write(2) */
};

typedef struct Tls Tls;

/* 56 bytes for each descriptor: all native memory that an idle connection without TLS uses. */
typedef struct {
  int32_t fd;         /* -1: the slot is free */
  int32_t generation; /* 1 to INT32_MAX, a new one for each use of the slot */
  int32_t poller;     /* slot of the poller that watches fd, or -1; in a free slot, the next free one or -1 */
  uint32_t flags;
  Tls *tls;           /* what tlsAttach has attached, or NULL */
  struct sockaddr_in6 peer; /* large enough for sockaddr_in too */
} Slot;

typedef struct Watch Watch;
typedef struct State State;

/* The data of an exported function: what it does, and for which environment. */
typedef struct {
  const struct Export *export;
  State *state;
} Function;

enum { MAX_FUNCTIONS = 80 };

struct State {
  napi_env env;
  Slot *slots;
  int32_t capacity;
  int32_t first_free; /* -1: the table is full */
  int32_t live;
  Watch *watch;       /* the poller in Node's loop, or NULL */
  int32_t closing;    /* libuv handles whose close callback has not run yet */
  int32_t owners;     /* the environment's data and the cleanup hook; the last one frees the state */
  bool ending;        /* the environment is being torn down: no new descriptors */
  napi_async_cleanup_hook_handle hook;
  napi_ref slice;     /* String.prototype.slice, saved when the module was loaded */
  char *scratch;      /* SCRATCH_BYTES for strings that do not fit on the stack; allocated when first needed */
  struct Secure *secure; /* NULL until tlsLoad has succeeded */
  int32_t function_count;
  Function functions[MAX_FUNCTIONS];
};

/* A call from JavaScript. `enter` in reactor.c has read the arguments and, for most calls, checked the slot. */
enum { MAX_ARGUMENTS = 6 };
typedef struct {
  napi_env env;
  State *state;
  const char *name; /* for error messages */
  int32_t slot;     /* the live slot that the first two arguments identify */
  napi_value argv[MAX_ARGUMENTS];
  napi_value value; /* the result, if the function returns VALUE */
} Call;

/* A function returns a number, which is -errno if it is negative, or one of these. */
#define THROWN INT64_MIN      /* an exception is pending */
#define VALUE (INT64_MIN + 1) /* the result is Call.value, initially NULL, which becomes undefined */

typedef struct Export {
  const char *name;
  int64_t (*run)(Call *call);
  enum { ANY, SLOT, POLLER, SECURED } first; /* what the first two arguments must identify */
} Export;
/* Each list ends with a NULL name. */
extern const Export SLOT_EXPORTS[], SOCKET_EXPORTS[], BYTES_EXPORTS[], FILE_EXPORTS[], POLLER_EXPORTS[];

static inline Slot *slot_of(const Call *call) { return &call->state->slots[call->slot]; }
static inline int fd_of(const Call *call) { return slot_of(call)->fd; }
static inline int64_t or_errno(int64_t result) { return result == -1 ? -errno : result; }

/* slots.c: the table */
int32_t slot_take(State *state, int fd, uint32_t flags);          /* slot, or -errno and the caller keeps fd */
int32_t slot_take_or_close(State *state, int fd, uint32_t flags); /* slot, or -errno and fd is closed */
void slot_free(State *state, int32_t index);             /* forgets the descriptor without closing it */
bool slot_is_live(const State *state, int32_t index, int32_t generation);
void slots_close_all(State *state);

/* arguments.c. The readers return false after throwing. */
int64_t throw_bad_argument(const Call *call, const char *expectation); /* always returns THROWN */
bool read_integer(const Call *call, size_t at, int64_t least, int64_t most, const char *what, int64_t *result);
bool read_bytes(const Call *call, napi_value value, uint8_t **data, size_t *length);
bool read_triples(const Call *call, napi_value value, int32_t **data, size_t *triples);
bool read_slot(const Call *call, size_t at, int32_t *index); /* from argv[at] and argv[at + 1] */
bool read_range(const Call *call, int64_t least, uint8_t **start, int64_t *length); /* from argv[2], argv[3], argv[4] */

/* bytes.c */
enum { MAX_PIECES = 64, STACK_BYTES = 16 * 1024 };

/* Memory for the strings of one call: first on the stack, then, at most once, the scratch buffer of the environment. */
typedef struct {
  char *free;
  size_t room;
  bool scratch_used;
} Arena;

int64_t socket_recv(int fd, void *target, size_t length); /* bytes or -errno */
int64_t socket_send(int fd, const void *bytes, size_t length);
bool read_latin1(const Call *call, Arena *arena, struct iovec *text); /* argv[2] from offset argv[3] on */
int read_pieces(Call *call, Arena *arena, struct iovec *pieces); /* argv[2], argv[3], argv[4]; -1 after throwing */

/* files.c */
struct iovec;
uint32_t kind_of(int fd);         /* SLOT_NO_SOCKET or 0 */
int64_t never_block(Slot *slot);  /* for calls without MSG_DONTWAIT: ensures O_NONBLOCK. 0 or -errno */
int64_t read_no_socket(Slot *slot, void *target, size_t length);
int64_t write_no_socket(Slot *slot, const struct iovec *pieces, int used);

/* poller.c */
void poller_forget(State *state, int32_t index); /* before close or release: leaves its poller, or ends a poller */
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

/* Repeats a system call that was interrupted by a signal. */
#define RETRY(result, expression)                          \
  do {                                                     \
    (result) = (expression);                               \
  } while ((result) == -1 && errno == EINTR)
