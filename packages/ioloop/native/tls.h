/*
 * TLS on slots. What the exported functions promise is in src/reactor/tls-binding.ts.
 *
 * Rules, in addition to those in reactor.h:
 * - No JavaScript runs in a callback of OpenSSL.
 * - OpenSSL's queue of errors is empty before each call and after it, because Node uses the same queue.
 * - After a fatal error nothing is called on that SSL but what reads or frees it.
 */
#pragma once

#include "openssl.h"
#include "reactor.h"

#include <sys/types.h>

enum {
  MOST_RECORD_BYTES = 16 * 1024,
  /* What one recv reads. With the rest of a record that OpenSSL has kept, the plain text fits into 64 KiB. */
  INPUT_BYTES = 48 * 1024,
  /* Most plain text that one call encrypts: the ciphertext then stays in the cache until it is sent. */
  MOST_PLAIN_BYTES = 128 * 1024,
  MOST_MARKS = MOST_PLAIN_BYTES / MOST_RECORD_BYTES + 65,
  /* Most ciphertext that waits for a slow peer. */
  MOST_WAITING_BYTES = 1024 * 1024,
  TICKET_KEY_BYTES = 48,
  MOST_TICKET_KEYS = 4,
  MOST_SESSIONS = 4,
  MOST_SESSION_BYTES = 16 * 1024,
  /* Handshake messages after the handshake: tickets, key updates, and attempts to renegotiate. */
  MOST_MESSAGES_PER_CALL = 32,
  MOST_MESSAGES = 1024,
  /* A hello with many key shares has a few KiB. OpenSSL itself allows 128 KiB, and allocates what is announced. */
  MOST_HELLO_BYTES = 32 * 1024,
  MOST_CONTEXTS = 0xffff,
  MOST_CIPHERS = 32,
};

/* Bits of results, as in tls-binding.ts. */
enum {
  TLS_KEPT = 1 << 20,
  TLS_ENDED = 1 << 21,
  TLS_BARE = 1 << 22,
  TLS_WAITING = 1 << 23,
  TLS_SESSION = 1 << 24,
  TLS_KEY_LINES = 1 << 25,
  TLS_FULL = 1 << 26,
  TLS_NEEDS_INPUT = 1 << 27,
  TLS_COMPLETE = 0,
  TLS_WANTS_READ = 1,
  TLS_WANTS_CONTEXT = 2,
};

typedef struct Context {
  State *state;
  SSL_CTX *ctx;
  int32_t number;     /* generation << 16 | index + 1; 0 after tlsContextClose */
  int32_t references; /* 1 for the table, and 1 for each connection */
  bool is_server, by_name, verifies, accepts_any;
  bool shares_trust; /* its authorities are those of other contexts too, and must not be changed */
  uint8_t *alpn;
  unsigned int alpn_length;
  int32_t ticket_keys; /* how many of the keys are set; 0: OpenSSL's own */
  uint8_t keys[MOST_TICKET_KEYS][TICKET_KEY_BYTES];
} Context;

/* Where a record with plain text ends in the ciphertext. */
typedef struct {
  uint32_t end, plain;
} Mark;

/* Ciphertext that the kernel has not taken. */
typedef struct {
  size_t length, sent, room;
  int32_t marks, marks_done;
  Mark mark[MOST_MARKS];
  uint8_t bytes[];
} Waiting;

typedef struct Chunk {
  struct Chunk *next;
  size_t length;
  uint8_t bytes[];
} Chunk;

typedef struct Tls {
  State *state;
  SSL *ssl;
  Context *context, *chosen; /* chosen: the certificate for the requested name, or NULL */
  /* What OpenSSL reads next. During a call it may be in the input buffer of the thread; between calls it is in kept. */
  const uint8_t *input;
  size_t input_left;
  Chunk *kept;
  Waiting *waiting;
  uint32_t plain_sent; /* plain text whose records have been sent and were not reported */
  Chunk *sessions, *key_lines;
  char *name; /* the requested server name in lower case, or NULL */
  unsigned long error;
  const char *reason; /* of a failure that OpenSSL does not know */
  long verify_result;
  int chain_problem, name_problem; /* results of the verification in progress */
  int16_t alert; /* received, or -1 */
  uint16_t messages, messages_in_call;
  bool hello_seen, hello_pending, refused, is_complete, is_started, is_failed, is_flooded, is_ended, is_bare, is_shut;
  /* Of a server: where in the first record the bytes that come next are, and the first bytes of the client's hello. */
  uint16_t record_left;
  uint8_t header_bytes, hello_bytes, hello[4];
  bool hello_too_long;
  bool needs_input; /* the last send stopped inside a handshake message of the peer */
} Tls;

/* What TLS needs of each environment. Created by tlsLoad. */
typedef struct Secure {
  BIO_METHOD *method;
  Context **contexts;
  int32_t context_room;
  uint16_t context_generation;
  /* The ciphertext that the call in progress has produced. */
  uint8_t *output;
  size_t output_length, output_room;
  int32_t marks;
  Mark mark[MOST_MARKS];
  uint8_t input[INPUT_BYTES];
  uint8_t record[MOST_RECORD_BYTES]; /* pieces are joined here */
  struct {
    uint16_t number;
    const char *name;
  } ciphers[MOST_CIPHERS];
  int32_t cipher_count;
} Secure;

/* Host names are ASCII, and compared without regard to case. */
static inline char to_lower(char byte) { return byte >= 'A' && byte <= 'Z' ? (char)(byte + ('a' - 'A')) : byte; }

static inline Tls *tls_of(const Call *call) { return slot_of(call)->tls; }

extern const Export TLS_CONTEXT_EXPORTS[], TLS_EXPORTS[], TLS_FACT_EXPORTS[];

/* tls-context.c */
Context *context_of(const Call *call, size_t at); /* NULL after throwing */
void context_drop(Context *context);
void contexts_close_all(State *state);
Context *context_create(State *state, bool is_server);
bool context_use_ticket_keys(Context *context, const uint8_t *keys, size_t length);
int64_t throw_tls(const Call *call, const char *fallback); /* with the oldest reason in OpenSSL's queue */

/* tls-connection.c */
Tls *tls_create(State *state, Context *context);
void tls_free(Tls *tls);
bool tls_keep(Tls *tls, const uint8_t *bytes, size_t length);
int64_t tls_step(Tls *tls); /* SSL_do_handshake: TLS_COMPLETE, TLS_WANTS_READ, TLS_WANTS_CONTEXT or -EPROTO */
int64_t tls_send(Tls *tls, int fd, const struct iovec *pieces, int count); /* as tlsSendVector */
void tls_fail(Tls *tls, const char *reason);
bool tls_has_peer(const Tls *tls); /* whether the peer has presented a certificate */
long tls_verify_result(const Tls *tls);

/* tls-test.c */
const char *tls_test(State *state); /* a handshake in memory: NULL, or what went wrong */
