/* Contexts: certificates, trust and options, and OpenSSL's callbacks that depend on them. */
#include "tls.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the table ---- */

Context *context_of(const Call *call, size_t at) {
  int64_t number;
  if (!read_integer(call, at, 1, INT32_MAX, "context", &number)) return NULL;
  const Secure *secure = call->state->secure;
  int32_t index = (int32_t)(number & 0xffff) - 1;
  if (secure != NULL && index >= 0 && index < secure->context_room && secure->contexts[index] != NULL &&
      secure->contexts[index]->number == number) {
    return secure->contexts[index];
  }
  char message[80];
  snprintf(message, sizeof message, "%s: there is no context %lld", call->name, (long long)number);
  napi_throw_error(call->env, "ERR_REACTOR_BAD_CONTEXT", message);
  return NULL;
}

void context_drop(Context *context) {
  if (context == NULL || --context->references > 0) return;
  openssl.SSL_CTX_free(context->ctx);
  openssl.OPENSSL_cleanse(context->keys, sizeof context->keys);
  free(context->alpn);
  free(context);
}

static void context_forget(Secure *secure, int32_t index) {
  Context *context = secure->contexts[index];
  secure->contexts[index] = NULL;
  context->number = 0;
  context_drop(context);
}

void contexts_close_all(State *state) {
  Secure *secure = state->secure;
  if (secure == NULL) return;
  for (int32_t index = 0; index < secure->context_room; index++) {
    if (secure->contexts[index] != NULL) context_forget(secure, index);
  }
  free(secure->contexts);
  secure->contexts = NULL;
  secure->context_room = 0;
  free(secure->output);
  secure->output = NULL;
  secure->output_room = 0;
  if (secure->method != NULL) openssl.BIO_meth_free(secure->method);
  secure->method = NULL;
}

static bool table_grow(Secure *secure) {
  int32_t room = secure->context_room == 0 ? 16 : secure->context_room * 2;
  if (room > MOST_CONTEXTS) room = MOST_CONTEXTS;
  if (room == secure->context_room) return false;
  Context **contexts = realloc(secure->contexts, (size_t)room * sizeof *contexts);
  if (contexts == NULL) return false;
  for (int32_t index = secure->context_room; index < room; index++) contexts[index] = NULL;
  secure->contexts = contexts;
  secure->context_room = room;
  return true;
}

static int32_t table_add(Secure *secure, Context *context) {
  int32_t index = 0;
  while (index < secure->context_room && secure->contexts[index] != NULL) index++;
  if (index == secure->context_room && !table_grow(secure)) return 0;
  secure->context_generation = (secure->context_generation + 1) & 0x7fff; /* numbers stay positive */
  secure->contexts[index] = context;
  context->number = (int32_t)secure->context_generation << 16 | (index + 1);
  return context->number;
}

/* ---- failures ---- */

int64_t throw_tls(const Call *call, const char *fallback) {
  unsigned long error = openssl.ERR_get_error();
  const char *reason = error == 0 ? NULL : openssl.ERR_reason_error_string(error);
  clear_errors();
  napi_throw_error(call->env, "ERR_REACTOR_TLS", reason == NULL ? fallback : reason);
  return THROWN;
}

static int64_t done(const Call *call, bool is_set, const char *fallback) {
  if (!is_set) return throw_tls(call, fallback);
  clear_errors();
  return VALUE;
}

/* ---- callbacks of OpenSSL ---- */

static Tls *tls_of_store(const X509_STORE_CTX *store) {
  SSL *ssl = openssl.X509_STORE_CTX_get_ex_data(store, openssl.SSL_get_ex_data_X509_STORE_CTX_idx());
  return ssl == NULL ? NULL : openssl.SSL_get_ex_data(ssl, 0);
}

/* Continues after each problem: see on_verify. */
static int on_problem(int is_ok, X509_STORE_CTX *store) {
  if (is_ok) return 1;
  Tls *tls = tls_of_store(store);
  if (tls == NULL) return 0;
  int problem = openssl.X509_STORE_CTX_get_error(store);
  if (problem == X509_V_OK) problem = X509_V_ERR_UNSPECIFIED; /* a problem must never count as none */
  bool is_name = problem >= X509_V_ERR_HOSTNAME_MISMATCH && problem <= X509_V_ERR_IP_ADDRESS_MISMATCH;
  if (is_name) tls->name_problem = problem;
  else tls->chain_problem = problem;
  return 1;
}

/* The result is that of node:tls: the last problem of the chain, and a wrong name only if the chain has none. OpenSSL
   itself would stop at the first one. */
static int on_verify(X509_STORE_CTX *store, void *data) {
  const Context *context = data;
  Tls *tls = tls_of_store(store);
  if (tls == NULL) return 0;
  tls->chain_problem = tls->name_problem = X509_V_OK;
  openssl.X509_STORE_CTX_set_verify_cb(store, on_problem);
  int result = openssl.X509_verify_cert(store);
  if (result <= 0) return result; /* such as out of memory: OpenSSL has set the error */
  int problem = tls->chain_problem != X509_V_OK ? tls->chain_problem : tls->name_problem;
  openssl.X509_STORE_CTX_set_error(store, problem);
  return problem == X509_V_OK || context->accepts_any;
}

static int on_ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
                         int is_new) {
  const Tls *tls = openssl.SSL_get_ex_data(ssl, 0);
  if (tls == NULL) return -1;
  Context *context = tls->context; /* tickets belong to the server, not to the certificate of one name */
  int32_t at = 0;
  if (!is_new) {
    while (at < context->ticket_keys && memcmp(context->keys[at], name, 16) != 0) at++;
    if (at == context->ticket_keys) return 0;
  } else if (context->ticket_keys == 0 || openssl.RAND_bytes(iv, 16) <= 0) {
    return -1;
  }
  uint8_t *key = context->keys[at];
  if (is_new) memcpy(name, key, 16);
  char digest[] = "SHA256";
  OSSL_PARAM params[] = {
      {"key", OSSL_PARAM_OCTET_STRING, key + 16, 16, 0},
      {"digest", OSSL_PARAM_UTF8_STRING, digest, sizeof digest - 1, 0},
      {NULL, 0, NULL, 0, 0},
  };
  if (openssl.EVP_MAC_CTX_set_params(mac, params) <= 0) return -1;
  int (*init)(EVP_CIPHER_CTX *, const EVP_CIPHER *, ENGINE *, const unsigned char *, const unsigned char *) =
      is_new ? openssl.EVP_EncryptInit_ex : openssl.EVP_DecryptInit_ex;
  if (init(cipher, openssl.EVP_aes_128_cbc(), NULL, key + 32, iv) <= 0) return -1;
  if (is_new) return 1;
  /* 2: accepted and replaced. In TLS 1.3 a client should use each ticket once (RFC 8446 section C.4). */
  return at > 0 || openssl.SSL_version(ssl) == 0x0304 ? 2 : 1;
}

static bool same_name(const char *one, const char *other) {
  while (*one != '\0' && to_lower(*one) == to_lower(*other)) {
    one++;
    other++;
  }
  return *one == '\0' && *other == '\0';
}

/* A session is resumed only for the name that it was created for (RFC 6066 section 3). With a single certificate, a
   session without a name is accepted too: node:tls does not store the name then. */
static bool belongs(const Tls *tls, const SSL_SESSION *session) {
  const char *stored = openssl.SSL_SESSION_get0_hostname(session);
  if (stored == NULL || tls->name == NULL) return !tls->context->by_name || (stored == NULL && tls->name == NULL);
  return same_name(stored, tls->name);
}

static int on_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *name, size_t length, int status, void *data) {
  (void)name;
  (void)length;
  (void)data;
  const Tls *tls = openssl.SSL_get_ex_data(ssl, 0);
  if (status <= SSL_TICKET_FATAL_ERR_OTHER) return SSL_TICKET_RETURN_ABORT;
  if (status == SSL_TICKET_NONE) return SSL_TICKET_RETURN_IGNORE;
  if (status < SSL_TICKET_SUCCESS || tls == NULL || !belongs(tls, session)) return SSL_TICKET_RETURN_IGNORE_RENEW;
  return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

/* Acknowledges every name, which makes OpenSSL store it in the session. */
static int on_server_name(SSL *ssl, int *alert, void *data) {
  (void)alert;
  (void)data;
  const Tls *tls = openssl.SSL_get_ex_data(ssl, 0);
  return tls != NULL && tls->name != NULL ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/* RFC 6066 section 3: a list with one host name. OpenSSL itself refuses what is malformed, later. */
static void read_name(Tls *tls) {
  const unsigned char *list;
  size_t length;
  if (openssl.SSL_client_hello_get0_ext(tls->ssl, TLSEXT_TYPE_server_name, &list, &length) != 1) return;
  if (length < 6 || list[2] != TLSEXT_NAMETYPE_host_name) return;
  size_t name_length = (size_t)list[3] << 8 | list[4];
  if (name_length > 255 || name_length + 5 > length || memchr(list + 5, 0, name_length) != NULL) return;
  tls->name = malloc(name_length + 1);
  if (tls->name == NULL) return;
  for (size_t at = 0; at < name_length; at++) tls->name[at] = to_lower((char)list[5 + at]);
  tls->name[name_length] = '\0';
}

static int on_client_hello(SSL *ssl, int *alert, void *data) {
  (void)data;
  Tls *tls = openssl.SSL_get_ex_data(ssl, 0);
  if (tls == NULL) return SSL_CLIENT_HELLO_ERROR;
  if (tls->refused) {
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    tls->reason = "no certificate for the requested name";
    return SSL_CLIENT_HELLO_ERROR;
  }
  if (tls->hello_seen) return SSL_CLIENT_HELLO_SUCCESS; /* also the second hello after a HelloRetryRequest */
  tls->hello_seen = true;
  read_name(tls);
  return tls->context->by_name ? SSL_CLIENT_HELLO_RETRY : SSL_CLIENT_HELLO_SUCCESS;
}

/* RFC 7301 section 3.2: without a common protocol the handshake fails. */
static int on_alpn(SSL *ssl, const unsigned char **chosen, unsigned char *length, const unsigned char *offered,
                   unsigned int offered_length, void *data) {
  const Tls *tls = openssl.SSL_get_ex_data(ssl, 0);
  const Context *context = data;
  if (tls == NULL) return SSL_TLSEXT_ERR_ALERT_FATAL;
  unsigned char *found;
  int result = openssl.SSL_select_next_proto(&found, length, context->alpn, context->alpn_length,
                                                              offered, offered_length);
  if (result != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

static void append(Chunk **list, Chunk *chunk, int most) {
  int count = 0;
  for (; *list != NULL; list = &(*list)->next) count++;
  if (count < most) *list = chunk;
  else free(chunk);
}

static Chunk *chunk_of(size_t length) {
  Chunk *chunk = malloc(sizeof *chunk + length);
  if (chunk == NULL) return NULL;
  chunk->next = NULL;
  chunk->length = length;
  return chunk;
}

static int on_session(SSL *ssl, SSL_SESSION *session) {
  Tls *tls = openssl.SSL_get_ex_data(ssl, 0);
  if (tls == NULL) return 0;
  int length = openssl.i2d_SSL_SESSION(session, NULL);
  if (length <= 0 || length > MOST_SESSION_BYTES) return 0;
  Chunk *chunk = chunk_of((size_t)length);
  if (chunk == NULL) return 0;
  unsigned char *end = chunk->bytes;
  openssl.i2d_SSL_SESSION(session, &end);
  append(&tls->sessions, chunk, MOST_SESSIONS);
  return 0; /* OpenSSL keeps the session */
}

static void on_key_line(const SSL *ssl, const char *line) {
  Tls *tls = openssl.SSL_get_ex_data(ssl, 0);
  size_t length = strlen(line);
  Chunk *chunk = tls == NULL ? NULL : chunk_of(length + 1);
  if (chunk == NULL) return;
  memcpy(chunk->bytes, line, length);
  chunk->bytes[length] = '\n';
  append(&tls->key_lines, chunk, 64);
}

/* Counts the handshake messages that a peer sends after the handshake, and remembers its alerts. */
static void on_message(int is_sent, int version, int type, const void *bytes, size_t length, SSL *ssl, void *data) {
  (void)version;
  (void)data;
  if (is_sent || (type != SSL3_RT_ALERT && type != SSL3_RT_HANDSHAKE)) return;
  Tls *tls = openssl.SSL_get_ex_data(ssl, 0);
  if (tls == NULL) return;
  if (type == SSL3_RT_ALERT && length == 2) tls->alert = ((const uint8_t *)bytes)[1];
  if (type != SSL3_RT_HANDSHAKE || !tls->is_complete) return;
  tls->messages++;
  tls->messages_in_call++;
  if (tls->messages > MOST_MESSAGES || tls->messages_in_call > MOST_MESSAGES_PER_CALL) tls->is_flooded = true;
}

/* ---- creation ---- */

static bool set_options(Context *context) {
  SSL_CTX *ctx = context->ctx;
  long cache = SSL_SESS_CACHE_NO_AUTO_CLEAR | SSL_SESS_CACHE_NO_INTERNAL;
  cache |= context->is_server ? SSL_SESS_CACHE_SERVER : SSL_SESS_CACHE_CLIENT;
  long mode = SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS;
  openssl.SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_RENEGOTIATION);
  /* A server that trusts no authorities has none to complete its chain with: do not try at each handshake. */
  if (context->is_server) mode |= SSL_MODE_NO_AUTO_CHAIN;
  openssl.SSL_CTX_ctrl(ctx, SSL_CTRL_MODE, mode, NULL);
  openssl.SSL_CTX_ctrl(ctx, SSL_CTRL_SET_SESS_CACHE_MODE, cache, NULL);
  openssl.SSL_CTX_set_msg_callback(ctx, on_message);
  if (context->is_server) {
    openssl.SSL_CTX_set_client_hello_cb(ctx, on_client_hello, NULL);
    openssl.SSL_CTX_callback_ctrl(ctx, SSL_CTRL_SET_TLSEXT_SERVERNAME_CB, (void (*)(void))on_server_name);
    if (openssl.SSL_CTX_set_session_ticket_cb(ctx, NULL, on_ticket, NULL) != 1) return false;
  }
  return openssl.SSL_CTX_ctrl(ctx, SSL_CTRL_SET_MIN_PROTO_VERSION, 0x0303, NULL) == 1 &&
         openssl.SSL_CTX_ctrl(ctx, SSL_CTRL_SET_MAX_PROTO_VERSION, 0x0304, NULL) == 1;
}

Context *context_create(State *state, bool is_server) {
  Context *context = calloc(1, sizeof *context);
  if (context == NULL) return NULL;
  *context = (Context){.state = state, .references = 1, .is_server = is_server};
  context->ctx = openssl.SSL_CTX_new(openssl.TLS_method());
  if (context->ctx != NULL && set_options(context)) return context;
  context_drop(context);
  return NULL;
}

static int64_t load(Call *call) {
  char version[64], why[160];
  size_t length;
  State *state = call->state;
  if (napi_get_value_string_utf8(call->env, call->argv[0], version, sizeof version, &length) != napi_ok) {
    return throw_bad_argument(call, "version must be a string");
  }
  if (state->secure != NULL) return VALUE;
  if (state->ending) return throw_bad_argument(call, "this thread is ending");
  const char *problem = "out of memory";
  Secure *secure = calloc(1, sizeof *secure);
  if (secure != NULL) {
    problem = openssl_find(version, why, sizeof why);
    state->secure = secure;
    if (problem == NULL) problem = tls_test(state);
    if (problem == NULL) return VALUE;
    contexts_close_all(state);
    state->secure = NULL;
    free(secure);
  }
  if (napi_create_string_utf8(call->env, problem, NAPI_AUTO_LENGTH, &call->value) != napi_ok) return THROWN;
  return VALUE;
}

/* ---- exported functions ---- */

static int64_t open_context(Call *call) {
  bool is_server;
  if (napi_get_value_bool(call->env, call->argv[0], &is_server) != napi_ok) {
    return throw_bad_argument(call, "isServer must be a boolean");
  }
  if (call->state->secure == NULL || call->state->ending) {
    return throw_bad_argument(call, "tlsLoad must have succeeded before");
  }
  Context *context = context_create(call->state, is_server);
  if (context == NULL) return throw_tls(call, "the context could not be created");
  int32_t number = table_add(call->state->secure, context);
  clear_errors();
  if (number != 0) return number;
  context_drop(context);
  return throw_bad_argument(call, "too many contexts are open");
}

static int64_t close_context(Call *call) {
  const Context *context = context_of(call, 0);
  if (context == NULL) return THROWN;
  context_forget(call->state->secure, (context->number & 0xffff) - 1);
  return VALUE;
}

static int64_t set_versions(Call *call) {
  int64_t least, most;
  const Context *context = context_of(call, 0);
  if (context == NULL || !read_integer(call, 1, 0x0303, 0x0304, "least", &least) ||
      !read_integer(call, 2, 0x0303, 0x0304, "most", &most)) {
    return THROWN;
  }
  return done(call,
              openssl.SSL_CTX_ctrl(context->ctx, SSL_CTRL_SET_MIN_PROTO_VERSION, (long)least, NULL) == 1 &&
                  openssl.SSL_CTX_ctrl(context->ctx, SSL_CTRL_SET_MAX_PROTO_VERSION, (long)most, NULL) == 1,
              "the versions are not supported");
}

/* Reads a string of at most `room` - 1 bytes, without NUL. */
static bool read_text(const Call *call, size_t at, char *text, size_t room, const char *what) {
  size_t length;
  if (napi_get_value_string_utf8(call->env, call->argv[at], NULL, 0, &length) == napi_ok && length < room &&
      napi_get_value_string_utf8(call->env, call->argv[at], text, room, &length) == napi_ok && strlen(text) == length) {
    return true;
  }
  char expectation[100];
  snprintf(expectation, sizeof expectation, "%s must be a string of at most %zu bytes without NUL", what, room - 1);
  throw_bad_argument(call, expectation);
  return false;
}

static int64_t set_ciphers(Call *call) {
  char list[4096], suites[1024];
  const Context *context = context_of(call, 0);
  static const char NO_ANONYMOUS[] = ":!aNULL:!eNULL";
  if (context == NULL || !read_text(call, 1, list, sizeof list - sizeof NO_ANONYMOUS, "list") ||
      !read_text(call, 2, suites, sizeof suites, "suites")) {
    return THROWN;
  }
  /* With an anonymous suite there is no certificate, and OpenSSL verifies nothing. */
  if (!context->is_server && list[0] != '\0') strcat(list, NO_ANONYMOUS);
  return done(call,
              (list[0] == '\0' || openssl.SSL_CTX_set_cipher_list(context->ctx, list) == 1) &&
                  (suites[0] == '\0' || openssl.SSL_CTX_set_ciphersuites(context->ctx, suites) == 1),
              "the list of ciphers is invalid");
}

static int64_t set_groups(Call *call) {
  char names[1024];
  const Context *context = context_of(call, 0);
  if (context == NULL || !read_text(call, 1, names, sizeof names, "names")) return THROWN;
  return done(call, openssl.SSL_CTX_ctrl(context->ctx, SSL_CTRL_SET_GROUPS_LIST, 0, names) == 1,
              "the list of groups is invalid");
}

static bool read_der(const Call *call, size_t at, const unsigned char **bytes, long *length) {
  uint8_t *start;
  size_t size;
  if (!read_bytes(call, call->argv[at], &start, &size)) return false;
  *bytes = start;
  *length = size > INT_MAX ? INT_MAX : (long)size;
  return true;
}

static X509 *read_certificate(const Call *call, size_t at) {
  const unsigned char *bytes;
  long length;
  if (!read_der(call, at, &bytes, &length)) return NULL;
  X509 *certificate = openssl.d2i_X509(NULL, &bytes, length);
  if (certificate == NULL) throw_tls(call, "the certificate cannot be read");
  return certificate;
}

static int64_t use_certificate(Call *call) {
  const unsigned char *bytes;
  long length;
  const Context *context = context_of(call, 0);
  if (context == NULL || !read_der(call, 2, &bytes, &length)) return THROWN;
  X509 *certificate = read_certificate(call, 1);
  if (certificate == NULL) return THROWN;
  EVP_PKEY *key = openssl.d2i_AutoPrivateKey(NULL, &bytes, length);
  bool is_set = key != NULL && openssl.SSL_CTX_use_certificate(context->ctx, certificate) == 1 &&
                openssl.SSL_CTX_use_PrivateKey(context->ctx, key) == 1 &&
                openssl.SSL_CTX_check_private_key(context->ctx) == 1;
  openssl.X509_free(certificate);
  if (key != NULL) openssl.EVP_PKEY_free(key);
  return done(call, is_set, "the certificate or its key cannot be used");
}

static int64_t add_chain(Call *call) {
  const Context *context = context_of(call, 0);
  X509 *certificate = context == NULL ? NULL : read_certificate(call, 1);
  if (certificate == NULL) return THROWN;
  bool is_set = openssl.SSL_CTX_ctrl(context->ctx, SSL_CTRL_CHAIN_CERT, 1, certificate) == 1; /* takes a reference */
  openssl.X509_free(certificate);
  return done(call, is_set, "the intermediate certificate cannot be used");
}

static void complete_chains(const Context *context) {
  openssl.SSL_CTX_ctrl(context->ctx, SSL_CTRL_CLEAR_MODE, SSL_MODE_NO_AUTO_CHAIN, NULL);
}

static const char SHARED_TRUST[] = "the authorities are shared with another context";

static int64_t add_trust(Call *call) {
  bool is_named;
  const Context *context = context_of(call, 0);
  if (context == NULL) return THROWN;
  if (napi_get_value_bool(call->env, call->argv[2], &is_named) != napi_ok) {
    return throw_bad_argument(call, "isNamed must be a boolean");
  }
  if (context->shares_trust) return throw_bad_argument(call, SHARED_TRUST);
  X509 *certificate = read_certificate(call, 1);
  if (certificate == NULL) return THROWN;
  complete_chains(context);
  bool is_set = openssl.X509_STORE_add_cert(openssl.SSL_CTX_get_cert_store(context->ctx), certificate) == 1 &&
                (!is_named || openssl.SSL_CTX_add_client_CA(context->ctx, certificate) == 1);
  openssl.X509_free(certificate);
  return done(call, is_set, "the authority cannot be used");
}

static int64_t trust_default(Call *call) {
  const Context *context = context_of(call, 0);
  if (context == NULL) return THROWN;
  if (context->shares_trust) return throw_bad_argument(call, SHARED_TRUST);
  complete_chains(context);
  return done(call, openssl.SSL_CTX_set_default_verify_paths(context->ctx) == 1,
              "the default authorities cannot be used");
}

static int64_t trust_from(Call *call) {
  Context *context = context_of(call, 0), *other = context == NULL ? NULL : context_of(call, 1);
  if (other == NULL) return THROWN;
  context->shares_trust = other->shares_trust = true;
  complete_chains(context);
  openssl.SSL_CTX_set1_cert_store(context->ctx, openssl.SSL_CTX_get_cert_store(other->ctx));
  return VALUE;
}

static int64_t add_revocations(Call *call) {
  const unsigned char *bytes;
  long length;
  const Context *context = context_of(call, 0);
  if (context == NULL || !read_der(call, 1, &bytes, &length)) return THROWN;
  if (context->shares_trust) return throw_bad_argument(call, SHARED_TRUST);
  X509_CRL *list = openssl.d2i_X509_CRL(NULL, &bytes, length);
  X509_STORE *store = openssl.SSL_CTX_get_cert_store(context->ctx);
  bool is_set = list != NULL && openssl.X509_STORE_add_crl(store, list) == 1 &&
                openssl.X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) == 1;
  if (list != NULL) openssl.X509_CRL_free(list);
  return done(call, is_set, "the revocation list cannot be used");
}

static int64_t set_verify(Call *call) {
  int64_t mode;
  Context *context = context_of(call, 0);
  if (context == NULL || !read_integer(call, 1, 0, 2, "mode", &mode)) return THROWN;
  static const int FLAGS[] = {SSL_VERIFY_NONE, SSL_VERIFY_PEER, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT};
  openssl.SSL_CTX_set_verify(context->ctx, FLAGS[mode], NULL);
  context->verifies = mode > 0;
  context->accepts_any = mode == 1;
  openssl.SSL_CTX_set_cert_verify_callback(context->ctx, on_verify, context);
  return VALUE;
}

static int64_t set_session_id(Call *call) {
  uint8_t *value;
  size_t length;
  const Context *context = context_of(call, 0);
  if (context == NULL || !read_bytes(call, call->argv[1], &value, &length)) return THROWN;
  if (length > 32) return throw_bad_argument(call, "the value must have at most 32 bytes");
  return done(call, openssl.SSL_CTX_set_session_id_context(context->ctx, value, (unsigned int)length) == 1,
              "the session id context cannot be used");
}

bool context_use_ticket_keys(Context *context, const uint8_t *keys, size_t length) {
  openssl.OPENSSL_cleanse(context->keys, sizeof context->keys);
  memcpy(context->keys, keys, length);
  context->ticket_keys = (int32_t)(length / TICKET_KEY_BYTES);
  return openssl.SSL_CTX_set_tlsext_ticket_key_evp_cb(context->ctx, on_ticket_key) == 1;
}

static int64_t set_ticket_keys(Call *call) {
  uint8_t *keys;
  size_t length;
  Context *context = context_of(call, 0);
  if (context == NULL || !read_bytes(call, call->argv[1], &keys, &length)) return THROWN;
  if (length == 0 || length % TICKET_KEY_BYTES != 0 || length > sizeof context->keys) {
    return throw_bad_argument(call, "the keys must have 1 to 4 times 48 bytes");
  }
  return done(call, context_use_ticket_keys(context, keys, length), "the ticket keys cannot be used");
}

/* Whether the bytes are names of 1 to 255 bytes, each after its length. */
static bool is_protocol_list(const uint8_t *bytes, size_t length) {
  size_t at = 0;
  while (at < length && bytes[at] > 0) at += (size_t)bytes[at] + 1;
  return length > 0 && at == length;
}

static int64_t set_alpn(Call *call) {
  uint8_t *protocols;
  size_t length;
  Context *context = context_of(call, 0);
  if (context == NULL || !read_bytes(call, call->argv[1], &protocols, &length)) return THROWN;
  if (length > 0xffff || !is_protocol_list(protocols, length)) {
    return throw_bad_argument(call, "the protocols must be names of 1 to 255 bytes, each after its length");
  }
  if (!context->is_server) { /* this function returns 0 for success */
    return done(call, openssl.SSL_CTX_set_alpn_protos(context->ctx, protocols, (unsigned int)length) == 0,
                "the application protocols cannot be used");
  }
  if (context->alpn != NULL) return throw_bad_argument(call, "the protocols are set already"); /* handshakes use them */
  context->alpn = malloc(length);
  if (context->alpn == NULL) return throw_bad_argument(call, "out of memory");
  memcpy(context->alpn, protocols, length);
  context->alpn_length = (unsigned int)length;
  openssl.SSL_CTX_set_alpn_select_cb(context->ctx, on_alpn, context);
  return VALUE;
}

static int64_t set_by_name(Call *call) {
  Context *context = context_of(call, 0);
  if (context == NULL) return THROWN;
  if (!context->is_server) return throw_bad_argument(call, "the context must be one of a server");
  context->by_name = true;
  return VALUE;
}

static int64_t set_key_log(Call *call) {
  const Context *context = context_of(call, 0);
  if (context == NULL) return THROWN;
  openssl.SSL_CTX_set_keylog_callback(context->ctx, on_key_line);
  return VALUE;
}

static int64_t keep_sessions(Call *call) {
  const Context *context = context_of(call, 0);
  if (context == NULL) return THROWN;
  if (context->is_server) return throw_bad_argument(call, "the context must be one of a client");
  openssl.SSL_CTX_sess_set_new_cb(context->ctx, on_session);
  return VALUE;
}

const Export TLS_CONTEXT_EXPORTS[] = {
    {"tlsLoad", load, ANY},
    {"tlsContextOpen", open_context, ANY},
    {"tlsContextClose", close_context, ANY},
    {"tlsContextVersions", set_versions, ANY},
    {"tlsContextCiphers", set_ciphers, ANY},
    {"tlsContextGroups", set_groups, ANY},
    {"tlsContextCertificate", use_certificate, ANY},
    {"tlsContextChain", add_chain, ANY},
    {"tlsContextTrust", add_trust, ANY},
    {"tlsContextTrustDefault", trust_default, ANY},
    {"tlsContextTrustFrom", trust_from, ANY},
    {"tlsContextRevocations", add_revocations, ANY},
    {"tlsContextVerify", set_verify, ANY},
    {"tlsContextSessionId", set_session_id, ANY},
    {"tlsContextTicketKeys", set_ticket_keys, ANY},
    {"tlsContextAlpn", set_alpn, ANY},
    {"tlsContextByName", set_by_name, ANY},
    {"tlsContextKeyLog", set_key_log, ANY},
    {"tlsContextSessions", keep_sessions, ANY},
    {NULL, NULL, ANY},
};
