/* Connections: bytes between the kernel, OpenSSL and JavaScript. */
#include "tls.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

/* ---- the wire, as OpenSSL sees it ---- */

static int refuse(BIO *bio, int direction) {
  openssl.BIO_set_flags(bio, direction | BIO_FLAGS_SHOULD_RETRY);
  return -1;
}

/*
 * Finds the length of a client's hello, which is in the first four bytes after the header of the first record; the records
 * may be as short as one byte. OpenSSL allocates what a hello announces, so it must not see one that is too long.
 */
static bool is_hello_too_long(Tls *tls, const uint8_t *bytes, size_t count) {
  for (size_t at = 0; at < count && tls->hello_bytes < sizeof tls->hello; at++) {
    if (tls->header_bytes < 5) {
      if (tls->header_bytes++ >= 3) tls->record_left = (uint16_t)(tls->record_left << 8 | bytes[at]);
    } else {
      tls->hello[tls->hello_bytes++] = bytes[at];
      tls->record_left--;
    }
    if (tls->header_bytes == 5 && tls->record_left == 0) tls->header_bytes = 0;
  }
  const uint8_t *hello = tls->hello;
  return tls->hello_bytes == sizeof tls->hello && (hello[1] << 16 | hello[2] << 8 | hello[3]) > MOST_HELLO_BYTES;
}

/* Never reports the end: the transport is told about it, while OpenSSL waits for more. */
static int wire_read(BIO *bio, char *target, int length) {
  Tls *tls = openssl.BIO_get_data(bio);
  openssl.BIO_clear_flags(bio, BIO_FLAGS_RWS | BIO_FLAGS_SHOULD_RETRY);
  size_t count = length < 0 ? 0 : (size_t)length;
  if (count > tls->input_left) count = tls->input_left;
  if (count == 0 || tls->is_flooded || tls->hello_too_long) return refuse(bio, BIO_FLAGS_READ);
  if (tls->hello_bytes < sizeof tls->hello && tls->context->is_server && is_hello_too_long(tls, tls->input, count)) {
    tls->hello_too_long = true;
    return refuse(bio, BIO_FLAGS_READ);
  }
  memcpy(target, tls->input, count);
  tls->input += count;
  tls->input_left -= count;
  return (int)count;
}

static bool make_room(uint8_t **bytes, size_t *room, size_t least) {
  if (least <= *room) return true;
  size_t size = *room < 1024 ? 1024 : *room;
  while (size < least) size *= 2;
  uint8_t *grown = realloc(*bytes, size);
  if (grown == NULL) return false;
  *bytes = grown;
  *room = size;
  return true;
}

/* Collects the ciphertext of the call in progress, up to the limit of what may wait. */
static int wire_write(BIO *bio, const char *bytes, int length) {
  const Tls *tls = openssl.BIO_get_data(bio);
  Secure *secure = tls->state->secure;
  openssl.BIO_clear_flags(bio, BIO_FLAGS_RWS | BIO_FLAGS_SHOULD_RETRY);
  if (length <= 0) return 0;
  size_t waiting = tls->waiting == NULL ? 0 : tls->waiting->length - tls->waiting->sent;
  size_t least = secure->output_length + (size_t)length;
  if (waiting + least > MOST_WAITING_BYTES || !make_room(&secure->output, &secure->output_room, least)) {
    return refuse(bio, BIO_FLAGS_WRITE);
  }
  memcpy(secure->output + secure->output_length, bytes, (size_t)length);
  secure->output_length = least;
  return length;
}

static long wire_control(BIO *bio, int command, long number, void *data) {
  (void)bio;
  (void)number;
  (void)data;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static BIO *wire_create(Tls *tls) {
  Secure *secure = tls->state->secure;
  if (secure->method == NULL) {
    BIO_METHOD *method = openssl.BIO_meth_new(BIO_TYPE_SOURCE_SINK | 0x7f, "landspout");
    if (method == NULL) return NULL;
    secure->method = method;
    openssl.BIO_meth_set_read(method, wire_read);
    openssl.BIO_meth_set_write(method, wire_write);
    openssl.BIO_meth_set_ctrl(method, wire_control);
  }
  BIO *bio = openssl.BIO_new(secure->method);
  if (bio == NULL) return NULL;
  openssl.BIO_set_data(bio, tls);
  openssl.BIO_set_init(bio, 1);
  return bio;
}

/* ---- a connection ---- */

static void chunks_free(Chunk *chunk) {
  while (chunk != NULL) {
    Chunk *next = chunk->next;
    openssl.OPENSSL_cleanse(chunk->bytes, chunk->length); /* keys, sessions, or bytes of the peer */
    free(chunk);
    chunk = next;
  }
}

void tls_free(Tls *tls) {
  if (tls->ssl != NULL) openssl.SSL_free(tls->ssl); /* frees the BIO too */
  clear_errors();
  chunks_free(tls->kept);
  chunks_free(tls->sessions);
  chunks_free(tls->key_lines);
  free(tls->waiting);
  free(tls->name);
  context_drop(tls->context);
  context_drop(tls->chosen);
  free(tls);
}

Tls *tls_create(State *state, Context *context) {
  Tls *tls = calloc(1, sizeof *tls);
  if (tls == NULL) return NULL;
  *tls = (Tls){.state = state, .context = context, .alert = -1};
  context->references++;
  tls->ssl = openssl.SSL_new(context->ctx);
  BIO *bio = tls->ssl == NULL ? NULL : wire_create(tls);
  if (bio == NULL || openssl.SSL_set_ex_data(tls->ssl, 0, tls) != 1) {
    tls_free(tls);
    return NULL;
  }
  openssl.SSL_set_bio(tls->ssl, bio, bio);
  if (context->is_server) openssl.SSL_set_accept_state(tls->ssl);
  else openssl.SSL_set_connect_state(tls->ssl);
  return tls;
}

/* Records why OpenSSL has failed. The oldest error of libssl tells most; those of libcrypto are its details. */
void tls_fail(Tls *tls, const char *reason) {
  unsigned long error;
  while ((error = openssl.ERR_get_error()) != 0) {
    bool is_ssl = (error >> 23 & 0xff) == ERR_LIB_SSL, had_ssl = (tls->error >> 23 & 0xff) == ERR_LIB_SSL;
    if (tls->error == 0 || (is_ssl && !had_ssl)) tls->error = error;
  }
  if (reason != NULL) tls->reason = reason;
  tls->verify_result = tls_verify_result(tls);
  tls->is_failed = true;
  tls->input_left = 0;
}

/* Copies what is left of the input, which does not outlive the call. */
bool tls_keep(Tls *tls, const uint8_t *bytes, size_t length) {
  Chunk *kept = NULL;
  if (length > 0) {
    kept = malloc(sizeof *kept + length);
    if (kept == NULL) return false;
    *kept = (Chunk){.length = length};
    memcpy(kept->bytes, bytes, length);
  }
  chunks_free(tls->kept); /* the bytes may be the rest of it */
  tls->kept = kept;
  tls->input = kept == NULL ? NULL : kept->bytes;
  tls->input_left = length;
  return true;
}

static void keep_rest(Tls *tls) {
  if (tls->kept != NULL && tls->input_left > 0) return; /* it is the rest of what was kept before */
  if (!tls_keep(tls, tls->input, tls->input_left)) tls_fail(tls, "out of memory");
}

/* ---- output ---- */

static void wait_for_kernel(Tls *tls, Waiting *waiting, size_t sent) {
  waiting->sent = sent;
  while (waiting->marks_done < waiting->marks && waiting->mark[waiting->marks_done].end <= sent) {
    tls->plain_sent += waiting->mark[waiting->marks_done++].plain;
  }
}

/* Adds the output of the call to what waits. */
static bool output_wait(Tls *tls) {
  Secure *secure = tls->state->secure;
  Waiting *waiting = tls->waiting;
  size_t before = waiting == NULL ? 0 : waiting->length, least = before + secure->output_length;
  if (waiting == NULL || waiting->room < least) {
    waiting = realloc(waiting, sizeof *waiting + least);
    if (waiting == NULL) return false;
    if (tls->waiting == NULL) *waiting = (Waiting){0};
    waiting->room = least;
    tls->waiting = waiting;
  }
  memcpy(waiting->bytes + before, secure->output, secure->output_length);
  waiting->length = least;
  for (int32_t at = 0; at < secure->marks && waiting->marks < MOST_MARKS; at++) {
    waiting->mark[waiting->marks] = secure->mark[at];
    waiting->mark[waiting->marks++].end += (uint32_t)before;
  }
  return true;
}

static int64_t send_waiting(Tls *tls, int fd) {
  Waiting *waiting = tls->waiting;
  if (waiting == NULL) return 0;
  int64_t sent = socket_send(fd, waiting->bytes + waiting->sent, waiting->length - waiting->sent);
  if (sent == -EAGAIN) return 0;
  if (sent < 0) return sent;
  wait_for_kernel(tls, waiting, waiting->sent + (size_t)sent);
  if (waiting->sent < waiting->length) return 0;
  free(waiting);
  tls->waiting = NULL;
  return 0;
}

/* Sends what waits and what the call has produced. Returns 0, also if some of it waits now, or -errno. */
static int64_t send_output(Tls *tls, int fd) {
  Secure *secure = tls->state->secure;
  int64_t result = 0;
  size_t sent = 0;
  if (tls->waiting == NULL && secure->output_length > 0) {
    result = socket_send(fd, secure->output, secure->output_length);
    if (result >= 0) sent = (size_t)result;
    if (result >= 0 || result == -EAGAIN) result = 0;
  }
  if (result == 0 && sent < secure->output_length) {
    bool was_waiting = tls->waiting != NULL;
    if (!output_wait(tls)) result = -ENOMEM;
    else if (was_waiting) result = send_waiting(tls, fd);
    else wait_for_kernel(tls, tls->waiting, sent);
  }
  secure->output_length = 0;
  secure->marks = 0;
  return result;
}

static int64_t flags_of(const Tls *tls) {
  return (tls->waiting != NULL ? TLS_WAITING : 0) | (tls->sessions != NULL ? TLS_SESSION : 0) |
         (tls->key_lines != NULL ? TLS_KEY_LINES : 0);
}

/* ---- handshake ---- */

static int64_t attach(Call *call) {
  uint8_t *early = NULL;
  size_t length = 0;
  napi_valuetype type;
  Context *context = context_of(call, 2);
  if (context == NULL) return THROWN;
  if (napi_typeof(call->env, call->argv[3], &type) != napi_ok) return THROWN;
  if (type != napi_undefined && !read_bytes(call, call->argv[3], &early, &length)) return THROWN;
  Slot *slot = slot_of(call);
  if ((slot->flags & (SLOT_POLLER | SLOT_NO_SOCKET)) != 0) return throw_bad_argument(call, "the slot is not a socket");
  if (slot->tls != NULL) return throw_bad_argument(call, "the slot has TLS already");
  if (length > MOST_WAITING_BYTES) return throw_bad_argument(call, "the early bytes are too long");
  Tls *tls = tls_create(call->state, context);
  clear_errors();
  if (tls == NULL) return -ENOMEM;
  if (!tls_keep(tls, early, length)) {
    tls_free(tls);
    return -ENOMEM;
  }
  slot->tls = tls;
  return 0;
}

static bool read_name(const Call *call, size_t at, char name[256], size_t *length, const char *what) {
  char expectation[80] = "";
  if (napi_get_value_string_utf8(call->env, call->argv[at], NULL, 0, length) == napi_ok && *length < 256 &&
      napi_get_value_string_utf8(call->env, call->argv[at], name, 256, length) == napi_ok && strlen(name) == *length) {
    return true;
  }
  strcat(strcat(expectation, what), " must be a string of at most 255 bytes without NUL");
  throw_bad_argument(call, expectation);
  return false;
}

static int64_t expect(Call *call) {
  char servername[256], host[256];
  size_t length, host_length;
  bool is_address;
  Tls *tls = tls_of(call);
  if (!read_name(call, 2, servername, &length, "servername") || !read_name(call, 3, host, &host_length, "host")) {
    return THROWN;
  }
  if (napi_get_value_bool(call->env, call->argv[4], &is_address) != napi_ok) {
    return throw_bad_argument(call, "isAddress must be a boolean");
  }
  if (tls->context->is_server || tls->is_started) return throw_bad_argument(call, "only for a client, before its handshake");
  clear_errors();
  bool is_set = length == 0 || openssl.SSL_ctrl(tls->ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, 0, servername) == 1;
  if (is_set && host_length > 0) {
    X509_VERIFY_PARAM *param = openssl.SSL_get0_param(tls->ssl);
    openssl.X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    is_set = is_address ? openssl.X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1
                        : openssl.X509_VERIFY_PARAM_set1_host(param, host, host_length) == 1;
  }
  clear_errors();
  return is_set ? VALUE : throw_tls(call, "the name cannot be used");
}

static int64_t resume(Call *call) {
  uint8_t *bytes;
  size_t length;
  Tls *tls = tls_of(call);
  if (!read_bytes(call, call->argv[2], &bytes, &length)) return THROWN;
  if (tls->context->is_server || tls->is_started) return throw_bad_argument(call, "only for a client, before its handshake");
  const unsigned char *at = bytes;
  clear_errors();
  SSL_SESSION *session = length > MOST_SESSION_BYTES ? NULL : openssl.d2i_SSL_SESSION(NULL, &at, (long)length);
  bool is_set = session != NULL && openssl.SSL_set_session(tls->ssl, session) == 1;
  if (session != NULL) openssl.SSL_SESSION_free(session);
  clear_errors();
  return is_set ? 1 : 0;
}

bool tls_has_peer(const Tls *tls) {
  X509 *certificate = openssl.SSL_get1_peer_certificate(tls->ssl);
  if (certificate != NULL) openssl.X509_free(certificate);
  return certificate != NULL;
}

/* OpenSSL reports success if there was nothing to verify. */
long tls_verify_result(const Tls *tls) {
  long result = openssl.SSL_get_verify_result(tls->ssl);
  bool is_missing = result == X509_V_OK && tls->context->verifies && !tls->context->is_server && !tls_has_peer(tls);
  return is_missing ? X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT : result;
}

int64_t tls_step(Tls *tls) {
  clear_errors();
  tls->is_started = true;
  int result = openssl.SSL_do_handshake(tls->ssl);
  int error = result == 1 ? SSL_ERROR_NONE : openssl.SSL_get_error(tls->ssl, result);
  bool must_verify = tls->context->verifies && !tls->context->accepts_any;
  if (tls->hello_too_long || (error == SSL_ERROR_NONE && must_verify && tls_verify_result(tls) != X509_V_OK)) {
    tls_fail(tls, tls->hello_too_long ? "the client hello is too long" : "certificate verify failed");
    return -EPROTO;
  }
  switch (error) {
    case SSL_ERROR_NONE:
      tls->is_complete = true;
      result = TLS_COMPLETE;
      break;
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: /* too much waits; the flag says so */
      result = TLS_WANTS_READ;
      break;
    case SSL_ERROR_WANT_CLIENT_HELLO_CB:
      result = TLS_WANTS_CONTEXT;
      break;
    default:
      tls_fail(tls, NULL);
      result = -EPROTO;
  }
  clear_errors();
  return result;
}

/* Makes the next bytes of the connection the input: those that were kept, or one recv. Returns how many were received,
   or -errno. */
static int64_t take_input(Tls *tls, int fd) {
  if (tls->input_left > 0) return 0;
  int64_t received = socket_recv(fd, tls->state->secure->input, INPUT_BYTES);
  if (received <= 0) return received == 0 ? -EPIPE : received;
  chunks_free(tls->kept);
  tls->kept = NULL;
  tls->input = tls->state->secure->input;
  tls->input_left = (size_t)received;
  return received;
}

static int64_t handshake(Call *call) {
  Tls *tls = tls_of(call);
  int fd = fd_of(call);
  if (tls->is_failed) return -EPROTO;
  if (tls->is_complete) return TLS_COMPLETE | flags_of(tls) | (tls->input_left > 0 ? TLS_KEPT : 0);
  int64_t failure = send_waiting(tls, fd);
  if (failure < 0) return failure;
  bool has_begun = tls->is_started && !tls->hello_pending;
  tls->hello_pending = false;
  int64_t received = take_input(tls, fd);
  if (received == -EPIPE) { /* the peer has ended its side: it has no use for TLS any more */
    tls_fail(tls, "the peer ended the connection during the handshake");
    return -ECONNRESET;
  }
  if (received < 0 && received != -EAGAIN) return received;
  if (received == -EAGAIN && has_begun) return TLS_WANTS_READ | flags_of(tls);
  int64_t step = tls_step(tls);
  if (step == TLS_WANTS_CONTEXT) tls->hello_pending = true;
  keep_rest(tls);
  failure = send_output(tls, fd);
  if (step < 0) return step; /* its alert was sent if that was possible */
  if (failure < 0) return failure;
  if (tls->is_failed) return -EPROTO;
  return step | flags_of(tls) | (tls->input_left > 0 ? TLS_KEPT : 0);
}

static int64_t server_name(Call *call) {
  const Tls *tls = tls_of(call);
  if (tls->name == NULL) return VALUE;
  return napi_create_string_latin1(call->env, tls->name, NAPI_AUTO_LENGTH, &call->value) == napi_ok ? VALUE : THROWN;
}

static int64_t choose_context(Call *call) {
  int64_t number;
  Tls *tls = tls_of(call);
  if (!read_integer(call, 2, -1, INT32_MAX, "context", &number)) return THROWN;
  if (!tls->hello_pending) return throw_bad_argument(call, "the handshake does not wait for a context");
  if (number == -1) tls->refused = true;
  if (number <= 0) return VALUE;
  Context *context = context_of(call, 2);
  if (context == NULL) return THROWN;
  if (!context->is_server) return throw_bad_argument(call, "the context must be one of a server");
  clear_errors();
  if (openssl.SSL_set_SSL_CTX(tls->ssl, context->ctx) == NULL) return throw_tls(call, "the context cannot be used");
  clear_errors();
  context->references++;
  context_drop(tls->chosen);
  tls->chosen = context;
  return VALUE;
}

/* ---- data ---- */

/* Decrypts the input into `target`. Returns the number of bytes; the input that is left did not fit. */
static size_t decrypt(Tls *tls, uint8_t *target, size_t room) {
  size_t total = 0;
  tls->messages_in_call = 0;
  while (total < room && !tls->is_ended) {
    clear_errors();
    int count = openssl.SSL_read(tls->ssl, target + total, room - total > INT_MAX ? INT_MAX : (int)(room - total));
    if (count > 0) {
      total += (size_t)count;
      if (tls->input_left == 0 && openssl.SSL_pending(tls->ssl) == 0) break; /* the next call would find nothing */
      continue;
    }
    int error = openssl.SSL_get_error(tls->ssl, count);
    if (error == SSL_ERROR_ZERO_RETURN) tls->is_ended = true;
    else if (tls->is_flooded) tls_fail(tls, "too many handshake messages");
    else if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) tls_fail(tls, NULL);
    break;
  }
  clear_errors();
  if (tls->is_ended) tls->input_left = 0; /* nothing may follow (RFC 8446 section 6.1) */
  return total;
}

static int64_t receive(Call *call) {
  uint8_t *target;
  int64_t length;
  Tls *tls = tls_of(call);
  int fd = fd_of(call);
  if (!read_range(call, INPUT_BYTES + MOST_RECORD_BYTES, &target, &length)) return THROWN;
  if (tls->is_failed) return -EPROTO;
  if (!tls->is_complete) return -ENOTCONN;
  int64_t received = tls->is_bare || tls->is_ended ? 0 : take_input(tls, fd);
  if (received == -EPIPE) tls->is_bare = true;
  else if (received < 0) return received;
  size_t total = decrypt(tls, target, (size_t)length);
  bool has_failed = tls->is_failed;
  if (!has_failed) keep_rest(tls);
  int64_t failure = send_output(tls, fd); /* responses to key updates, and alerts */
  if (total == 0 && tls->is_failed) return -EPROTO;
  if (total == 0 && failure < 0) return failure; /* otherwise the next send reports it */
  return (int64_t)total | flags_of(tls) | (tls->input_left > 0 || tls->is_failed ? TLS_KEPT : 0) |
         (tls->is_ended ? TLS_ENDED : tls->is_bare ? TLS_BARE : 0) | (received == INPUT_BYTES ? TLS_FULL : 0);
}

/* Encrypts one record. Returns false if TLS has failed or needs input first. */
static bool encrypt(Tls *tls, const uint8_t *bytes, size_t length) {
  Secure *secure = tls->state->secure;
  clear_errors();
  int count = openssl.SSL_write(tls->ssl, bytes, (int)length);
  if (count <= 0 && openssl.SSL_get_error(tls->ssl, count) == SSL_ERROR_WANT_READ) {
    tls->needs_input = true; /* such as a key update of which a part has arrived: nothing is sent in between */
    return false;
  }
  if (count != (int)length || secure->marks == MOST_MARKS) {
    tls_fail(tls, "a record could not be written"); /* there is room for the output, so OpenSSL need not wait */
    return false;
  }
  secure->mark[secure->marks++] = (Mark){.end = (uint32_t)secure->output_length, .plain = (uint32_t)length};
  return true;
}

/* Encrypts pieces, joined into records. Returns how many bytes were encrypted. */
static size_t encrypt_pieces(Tls *tls, const struct iovec *pieces, int count) {
  uint8_t *record = tls->state->secure->record;
  size_t joined = 0, total = 0;
  for (int at = 0; at < count && total + joined < MOST_PLAIN_BYTES; at++) {
    const uint8_t *bytes = pieces[at].iov_base;
    size_t left = pieces[at].iov_len;
    if (left > MOST_PLAIN_BYTES - total - joined) left = MOST_PLAIN_BYTES - total - joined;
    while (left > 0) {
      bool is_direct = joined == 0 && (left >= MOST_RECORD_BYTES || at == count - 1);
      size_t part = MOST_RECORD_BYTES - joined < left ? MOST_RECORD_BYTES - joined : left;
      if (!is_direct) memcpy(record + joined, bytes, part);
      bytes += part;
      left -= part;
      joined += part;
      if (!is_direct && joined < MOST_RECORD_BYTES) continue;
      if (!encrypt(tls, is_direct ? bytes - part : record, joined)) return total;
      total += joined;
      joined = 0;
    }
  }
  if (joined > 0 && encrypt(tls, record, joined)) total += joined;
  return total;
}

int64_t tls_send(Tls *tls, int fd, const struct iovec *pieces, int count) {
  if (tls->is_failed) return -EPROTO;
  if (!tls->is_complete) return -ENOTCONN;
  if (tls->is_shut) return -EPIPE;
  if (tls->waiting != NULL) return -EAGAIN;
  tls->needs_input = false;
  size_t total = encrypt_pieces(tls, pieces, count);
  clear_errors();
  int64_t failure = send_output(tls, fd);
  if (tls->is_failed) return -EPROTO;
  if (failure < 0) return failure;
  return (int64_t)total | (tls->waiting != NULL ? TLS_WAITING : 0) | (tls->needs_input ? TLS_NEEDS_INPUT : 0);
}

static int64_t send_bytes(Call *call) {
  uint8_t *bytes;
  int64_t length;
  if (!read_range(call, 0, &bytes, &length)) return THROWN;
  struct iovec piece = {.iov_base = bytes, .iov_len = (size_t)length};
  return tls_send(tls_of(call), fd_of(call), &piece, 1);
}

static int64_t send_latin1(Call *call) {
  char stack[STACK_BYTES];
  Arena arena = {.free = stack, .room = sizeof stack};
  struct iovec piece;
  return read_latin1(call, &arena, &piece) ? tls_send(tls_of(call), fd_of(call), &piece, 1) : THROWN;
}

static int64_t send_vector(Call *call) {
  char stack[STACK_BYTES];
  Arena arena = {.free = stack, .room = sizeof stack};
  struct iovec pieces[MAX_PIECES];
  int count = read_pieces(call, &arena, pieces);
  if (count < 0) return THROWN;
  if (tls_of(call) == NULL) return throw_bad_argument(call, "TLS is not attached to the slot"); /* a getter ran */
  return tls_send(tls_of(call), fd_of(call), pieces, count);
}

static int64_t flush(Call *call) {
  Tls *tls = tls_of(call);
  if (tls->is_failed) return -EPROTO;
  int64_t failure = send_waiting(tls, fd_of(call));
  if (failure < 0) return failure;
  int64_t plain = tls->plain_sent;
  tls->plain_sent = 0;
  return plain | (tls->waiting != NULL ? TLS_WAITING : 0);
}

static int64_t shut_down(Call *call) {
  Tls *tls = tls_of(call);
  if (tls->is_failed) return -EPROTO;
  if (!tls->is_complete) return -ENOTCONN;
  if (!tls->is_shut) {
    if (openssl.SSL_in_init(tls->ssl)) return TLS_NEEDS_INPUT;
    tls->is_shut = true;
    clear_errors();
    if (openssl.SSL_shutdown(tls->ssl) < 0) tls_fail(tls, "close_notify could not be written");
    clear_errors();
  }
  int64_t failure = send_output(tls, fd_of(call));
  if (failure == 0 && tls->waiting != NULL) failure = send_waiting(tls, fd_of(call));
  if (tls->is_failed) return -EPROTO;
  if (failure < 0) return failure;
  return tls->waiting != NULL ? TLS_WAITING : 0;
}

const Export TLS_EXPORTS[] = {
    {"tlsAttach", attach, SLOT},
    {"tlsExpect", expect, SECURED},
    {"tlsResume", resume, SECURED},
    {"tlsHandshake", handshake, SECURED},
    {"tlsServerName", server_name, SECURED},
    {"tlsChooseContext", choose_context, SECURED},
    {"tlsRecv", receive, SECURED},
    {"tlsSendBytes", send_bytes, SECURED},
    {"tlsSendLatin1", send_latin1, SECURED},
    {"tlsSendVector", send_vector, SECURED},
    {"tlsFlush", flush, SECURED},
    {"tlsShutdown", shut_down, SECURED},
    {NULL, NULL, ANY},
};
