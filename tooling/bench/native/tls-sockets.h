// Gives the floors TLS by OpenSSL: recv, send, accept4 and close of the program that includes this file are those below.
// Each keeps to what the call of the system does, so that the loop of a floor is the same as without TLS.
#include "common.h"
#include <openssl/err.h>
#include <openssl/ssl.h>

enum { MAX_SESSIONS = 1 << 17 };

static SSL *sessions[MAX_SESSIONS];
static SSL_CTX *tls_context;

static void fail_tls(const char *what) {
  fprintf(stderr, "%s: %s\n", what, ERR_reason_error_string(ERR_peek_last_error()));
  exit(1);
}

/** Loads the certificate and the key. Which version, cipher and group a connection has, the client chooses: see tls.mjs. */
static void open_tls(const char *certificate, const char *key) {
  tls_context = SSL_CTX_new(TLS_server_method());
  if (tls_context == NULL || SSL_CTX_use_certificate_chain_file(tls_context, certificate) != 1 ||
      SSL_CTX_use_PrivateKey_file(tls_context, key, SSL_FILETYPE_PEM) != 1) fail_tls(certificate);
  SSL_CTX_set_mode(tls_context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  // One recv for a record, where OpenSSL takes two by default. A larger buffer than its own costs handshakes more than it
  // saves bodies.
  SSL_CTX_set_read_ahead(tls_context, 1);
  SSL_CTX_set_session_cache_mode(tls_context, SSL_SESS_CACHE_OFF); // Sessions are in the tickets of their clients.
  signal(SIGPIPE, SIG_IGN);
}

/** Whether a call has to wait for the socket, as with EAGAIN; otherwise the connection has ended, or TLS has failed. */
static ssize_t result_of(SSL *session, int result) {
  int error = SSL_get_error(session, result), waits = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
  ERR_clear_error();
  errno = waits ? EAGAIN : EPROTO;
  return error == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

/** Performs the handshake first; then reads records until the socket has no more, or there is no room. */
static ssize_t tls_recv(int fd, void *into, size_t room) {
  SSL *session = sessions[fd];
  size_t total = 0;
  do {
    int got = SSL_read(session, (char *)into + total, (int)(room - total));
    if (got <= 0) {
      ssize_t result = result_of(session, got);
      return total > 0 ? (ssize_t)total : result; // An end is found again by the next call.
    }
    total += (size_t)got;
  } while (total < room && SSL_has_pending(session));
  return (ssize_t)total;
}

/** What is left after EAGAIN must be sent by the next call, with at least as many bytes: OpenSSL has encrypted them. */
static ssize_t tls_send(int fd, const void *bytes, size_t length) {
  size_t total = 0;
  while (total < length) {
    int sent = SSL_write(sessions[fd], (const char *)bytes + total, (int)(length - total));
    if (sent <= 0) {
      ssize_t result = result_of(sessions[fd], sent);
      return total > 0 ? (ssize_t)total : result == 0 ? -1 : result;
    }
    total += (size_t)sent;
  }
  return (ssize_t)total;
}

static int tls_accept(int listener, int flags) {
  int fd = accept4(listener, NULL, NULL, flags);
  if (fd < 0 || fd >= MAX_SESSIONS) return fd; // The loop closes what it has no place for.
  SSL *session = sessions[fd] = SSL_new(tls_context);
  if (session == NULL || SSL_set_fd(session, fd) != 1) fail_tls("SSL_new");
  SSL_set_accept_state(session);
  return fd;
}

static void tls_close(int fd) {
  SSL *session = fd < MAX_SESSIONS ? sessions[fd] : NULL;
  if (session != NULL) {
    if (SSL_is_init_finished(session)) SSL_shutdown(session); // After a failure this does nothing.
    ERR_clear_error();
    SSL_free(session);
    sessions[fd] = NULL;
  }
  close(fd);
}

#define recv(fd, into, room, flags) tls_recv(fd, into, room)
#define send(fd, bytes, length, flags) tls_send(fd, bytes, length)
#define accept4(listener, address, length, flags) tls_accept(listener, flags)
#define close(fd) tls_close(fd)
