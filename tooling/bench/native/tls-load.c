// A client of servers over TLS on a port of this machine. It opens its connections, exchanges the first message of each,
// prints a line, and keeps them: a line `run <ms>` on stdin lets it work for so long, and then it prints what was done.
// Handshakes so are no part of what messages cost, and where they are what is measured, each connection makes one and
// ends, over and over. It polls and never sleeps while it works, for the reason that polling-client.c has.
//
// It offers one version, one cipher, one group and one signature for each type of key, so that all servers have the
// same to do, and fails if a connection has others, or a certificate that is not the one of its file.
#include "waits.h"
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/time.h>

enum { MAX_EVENTS = 256, INPUT = 256 * 1024, HEAD = 4096, PER_ADDRESS = 5000, MAX_PARTS = 4, CIPHER_ID = 0x1301 };
#define PATIENCE_NS 10000000000LL
static const char CIPHER[] = "TLS_AES_128_GCM_SHA256", GROUP[] = "X25519";
static const char SIGNATURES[] = "ecdsa_secp256r1_sha256:rsa_pss_rsae_sha256";
/** Of the key that RFC 6455 has as its example, and that every request has. */
static const char ACCEPTED[] = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

typedef struct {
  int fd, host, waits_for_room, is_ending;
  SSL *tls;
  SSL_SESSION *ticket; // the newest, if handshakes are resumed
  size_t sent, got;
  long long begun_ns;
} Connection;

typedef struct {
  pthread_t thread;
  Connection *connections;
  int count, poller;
  long long wire_bytes; // that came on connections that have ended
  Waits *waits;
} Worker;

static enum { EXCHANGE, FULL, RESUMED } mode;
static SSL_CTX *context;
static X509 *certificate;
static struct sockaddr_in server;
static char *message, *response;
static size_t message_length, response_length;
static struct { size_t start, end; } variable_parts[MAX_PARTS]; // of the response, such as its Date
static int part_count;
static long long end_ns;

static void fail_tls(const char *what) {
  char reason[256] = "the connection ended";
  if (ERR_peek_last_error() != 0) ERR_error_string_n(ERR_peek_last_error(), reason, sizeof reason);
  else if (errno != 0) snprintf(reason, sizeof reason, "%s", strerror(errno));
  fprintf(stderr, "%s: %s\n", what, reason);
  exit(1);
}

static void open_context(const char *certificate_file) {
  FILE *file = fopen(certificate_file, "r");
  if (file == NULL || (certificate = PEM_read_X509(file, NULL, NULL, NULL)) == NULL) fail(certificate_file);
  fclose(file);
  context = SSL_CTX_new(TLS_client_method());
  if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_ciphersuites(context, CIPHER) != 1 || SSL_CTX_set1_groups_list(context, GROUP) != 1 ||
      SSL_CTX_set1_sigalgs_list(context, SIGNATURES) != 1) fail_tls("what the client offers");
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context, 1);
  // With its cache, OpenSSL would use a ticket once; but some servers send no other when one is used.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  // Some servers end without close_notify, after which it would not use their tickets; see also end_cycle.
  if (mode != EXCHANGE) SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
  signal(SIGPIPE, SIG_IGN);
}

/** Connects, and begins a session; the socket blocks. */
static void open_connection(Connection *connection) {
  struct timeval patience = {.tv_sec = 20};
  int fd = connection->fd = socket_from(connection->host, 0), on = 1;
  if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0) fail("setsockopt");
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  for (int tries = 0; connect(fd, (struct sockaddr *)&server, sizeof server) < 0; tries++) {
    if (errno != ECONNREFUSED || tries == 500) fail("connect"); // nginx cannot say when it listens.
    usleep(10000);
  }
  if ((connection->tls = SSL_new(context)) == NULL || SSL_set_fd(connection->tls, fd) != 1) fail_tls("SSL_new");
  SSL_set_app_data(connection->tls, connection);
  if (connection->ticket != NULL && SSL_set_session(connection->tls, connection->ticket) != 1) fail_tls("the ticket");
}

/** Fails if a connection has not what was offered, another certificate, or was resumed if it must not be, or not if it must. */
static void check_facts(Connection *connection) {
  SSL *tls = connection->tls;
  errno = 0;
  if (SSL_version(tls) != TLS1_3_VERSION) fail("the version of TLS");
  if (SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(tls)) != CIPHER_ID) fail("the cipher");
  if (SSL_get_negotiated_group(tls) != NID_X25519) fail("the group of the key exchange");
  X509 *theirs = SSL_get0_peer_certificate(tls);
  if (theirs == NULL || X509_cmp(theirs, certificate) != 0) fail("the certificate");
  if (SSL_session_reused(tls) != (connection->ticket != NULL)) fail("whether the session is resumed");
}

/** Whether a call of OpenSSL has to wait for the socket. Fails if it did not work for another reason. */
static int must_wait(SSL *tls, int result, const char *what) {
  int error = SSL_get_error(tls, result);
  if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) fail_tls(what);
  return 1;
}

/** Where the part ends that starts at `at` and is all variable, or all not, as the result says. */
static int is_variable(size_t at, size_t *end) {
  *end = response_length;
  for (int index = 0; index < part_count; index++) {
    if (at < variable_parts[index].start && variable_parts[index].start < *end) *end = variable_parts[index].start;
    if (at < variable_parts[index].start || at >= variable_parts[index].end) continue;
    *end = variable_parts[index].end;
    return 1;
  }
  return 0;
}

static int is_right(size_t at, const char *input, size_t got) {
  size_t end;
  while (got > 0) {
    int any = is_variable(at, &end);
    size_t count = end - at < got ? end - at : got;
    if (!any && memcmp(input, response + at, count) != 0) return 0;
    input += count;
    got -= count;
    at += count;
  }
  return 1;
}

/** Sends what the socket takes of the message; 1 if some is left. */
static int send_message(Connection *connection) {
  while (connection->sent < message_length) {
    int sent = SSL_write(connection->tls, message + connection->sent, (int)(message_length - connection->sent));
    if (sent <= 0) return must_wait(connection->tls, sent, "SSL_write");
    connection->sent += (size_t)sent;
  }
  return 0;
}

/** Receives what is there of the response; 1 if that is all of it. */
static int receive_response(Connection *connection, char *input) {
  do {
    size_t most = response_length - connection->got;
    // One byte more than is due: an extra byte must fail the run.
    int got = SSL_read(connection->tls, input, (int)(most + 1 < INPUT ? most + 1 : INPUT));
    if (got <= 0) return !must_wait(connection->tls, got, "SSL_read");
    errno = 0;
    if ((size_t)got > most) fail("the number of bytes that came back");
    if (!is_right(connection->got, input, (size_t)got)) fail("the bytes that came back");
    connection->got += (size_t)got;
  } while (connection->got < response_length && SSL_has_pending(connection->tls));
  if (connection->got < response_length) return 0;
  if (connection->sent < message_length) fail("a response before all of the message was sent");
  return 1;
}

static void send_more(Worker *worker, Connection *connection) {
  int waits = send_message(connection);
  if (waits == connection->waits_for_room) return;
  control(worker->poller, EPOLL_CTL_MOD, connection->fd, waits ? EPOLLIN | EPOLLOUT : EPOLLIN, connection);
  connection->waits_for_room = waits;
}

static void next_message(Worker *worker, Connection *connection, long long now) {
  connection->begun_ns = now;
  connection->sent = connection->got = 0;
  send_more(worker, connection);
}

/** Goes on with the handshake of a connection, and after it ends our side. */
static void shake_hands(Connection *connection) {
  int result = SSL_connect(connection->tls);
  if (result <= 0) must_wait(connection->tls, result, "the handshake");
  if (result <= 0) return;
  check_facts(connection);
  connection->is_ending = 1;
  SSL_shutdown(connection->tls);
  if (shutdown(connection->fd, SHUT_WR) < 0) fail("shutdown");
}

/** Opens a connection that makes a handshake and ends. Each has an address of its own, so that ports do not run short. */
static void begin_cycle(Worker *worker, Connection *connection) {
  struct linger normal = {0};
  int on = 1;
  connection->begun_ns = now_ns();
  connection->is_ending = 0;
  open_connection(connection);
  setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &normal, sizeof normal);
  if (fcntl(connection->fd, F_SETFL, O_NONBLOCK) < 0) fail("fcntl");
  shake_hands(connection);
  // What follows the server's part of the handshake leaves together: the end of ours, close_notify and FIN.
  if (setsockopt(connection->fd, IPPROTO_TCP, TCP_CORK, &on, sizeof on) < 0) fail("setsockopt");
  control(worker->poller, EPOLL_CTL_ADD, connection->fd, EPOLLIN, connection);
}

/** Ends a connection that has made its handshake, and keeps the newest ticket of the server. */
static void end_cycle(Connection *connection) {
  SSL_SESSION *newest = SSL_get1_session(connection->tls);
  SSL_SESSION_free(connection->ticket);
  connection->ticket = mode == RESUMED && SSL_SESSION_is_resumable(newest) ? newest : NULL;
  if (connection->ticket == NULL) SSL_SESSION_free(newest);
  errno = 0;
  if (mode == RESUMED && connection->ticket == NULL) fail("a ticket from the server");
  SSL_set_shutdown(connection->tls, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_free(connection->tls);
  ERR_clear_error();
  close(connection->fd);
}

/** The server's part of the handshake, or after ours its tickets and the end of the connection; 1 if that has come. */
static int receive_cycle(Worker *worker, Connection *connection, char *input) {
  SSL *tls = connection->tls;
  if (!connection->is_ending) {
    shake_hands(connection);
    return 0;
  }
  if ((SSL_get_shutdown(tls) & SSL_RECEIVED_SHUTDOWN) == 0) {
    int got = SSL_read(tls, input, INPUT), error = got > 0 ? SSL_ERROR_NONE : SSL_get_error(tls, got);
    errno = 0;
    if (got > 0) fail("bytes that were not asked for");
    if (error == SSL_ERROR_WANT_READ) return 0;
  }
  ERR_clear_error();
  ssize_t got = recv(connection->fd, input, INPUT, 0);
  if (got > 0 || (got < 0 && errno == EAGAIN)) return 0;
  if (got < 0 && errno != ECONNRESET) fail("recv");
  worker->wire_bytes += (long long)BIO_number_read(SSL_get_rbio(tls));
  end_cycle(connection);
  return 1;
}

/** Takes what came, and sends the next message or opens the next connection; 1 if the time for more is over. */
static int receive(Worker *worker, Connection *connection, char *input) {
  if (!(mode == EXCHANGE ? receive_response(connection, input) : receive_cycle(worker, connection, input))) return 0;
  long long now = now_ns();
  add_wait(worker->waits, now - connection->begun_ns);
  if (now >= end_ns) return 1;
  if (mode == EXCHANGE) next_message(worker, connection, now);
  else begin_cycle(worker, connection);
  return 0;
}

static void *work(void *argument) {
  Worker *worker = argument;
  struct epoll_event events[MAX_EVENTS];
  char *input = allocate(INPUT, 1);
  long long last_ns = now_ns();
  for (int index = 0; index < worker->count; index++) {
    if (mode == EXCHANGE) next_message(worker, &worker->connections[index], now_ns());
    else begin_cycle(worker, &worker->connections[index]);
  }
  for (int busy = worker->count; busy > 0;) {
    int count = epoll_wait(worker->poller, events, MAX_EVENTS, 0);
    if (count > 0) last_ns = now_ns();
    errno = 0;
    if (now_ns() - last_ns > PATIENCE_NS) fail("a response within ten seconds");
    if (count == 0) sched_yield();
    for (int index = 0; index < count; index++) {
      Connection *connection = events[index].data.ptr;
      if (events[index].events & EPOLLOUT) send_more(worker, connection);
      if (events[index].events & ~(unsigned)EPOLLOUT) busy -= receive(worker, connection, input);
    }
  }
  free(input);
  return NULL;
}

/** All bytes that came on the connections so far, records and handshakes included. */
static long long wire_bytes(const Worker *worker) {
  long long total = worker->wire_bytes;
  for (int index = 0; mode == EXCHANGE && index < worker->count; index++)
    total += (long long)BIO_number_read(SSL_get_rbio(worker->connections[index].tls));
  return total;
}

/** Works until the time is over and all that was sent by then is back; prints how many messages came, or handshakes. */
static void run(Worker *workers, int threads, long long ms) {
  Waits *waits = allocate(1, sizeof *waits);
  long long start_ns = now_ns(), bytes = 0;
  end_ns = start_ns + ms * 1000000LL;
  for (int index = 0; index < threads; index++) {
    Worker *worker = &workers[index];
    worker->waits = allocate(1, sizeof *worker->waits);
    bytes -= wire_bytes(worker);
    if (pthread_create(&worker->thread, NULL, work, worker) != 0) fail("pthread_create");
  }
  for (int index = 0; index < threads; index++) {
    pthread_join(workers[index].thread, NULL);
    add_waits(waits, workers[index].waits);
    bytes += wire_bytes(&workers[index]);
    free(workers[index].waits);
  }
  say("{\"count\":%lld,\"wallNs\":%lld,\"p50Us\":%lld,\"p99Us\":%lld,\"wireBytes\":%.1f}\n", waits->count, now_ns() - start_ns,
      percentile_us(waits, 0.5), percentile_us(waits, 0.99), (double)bytes / (double)waits->count);
  free(waits);
}

/** Sends the request of an opening handshake, and writes the head of its response into a file: it is checked there. */
static void switch_protocols(SSL *tls, const char *request_file, const char *head_file) {
  static char *request, head[HEAD + 1];
  static size_t length;
  size_t got = 0;
  if (request == NULL) request = read_file(request_file, &length);
  if (SSL_write(tls, request, (int)length) != (int)length) fail_tls("the opening handshake");
  while (memmem(head, got, "\r\n\r\n", 4) == NULL) {
    int more = got < HEAD ? SSL_read(tls, head + got, (int)(HEAD - got)) : 0;
    if (more <= 0) fail_tls("the response of the opening handshake");
    got += (size_t)more;
  }
  errno = 0;
  if (memcmp(head, "HTTP/1.1 101 ", 13) != 0) fail("the status of the opening handshake");
  if (memmem(head, got, ACCEPTED, sizeof ACCEPTED - 1) == NULL) fail("Sec-WebSocket-Accept");
  if (memcmp(head + got - 4, "\r\n\r\n", 4) != 0) fail("bytes after the opening handshake");
  FILE *file = fopen(head_file, "wb");
  if (file == NULL || fwrite(head, 1, got, file) != got || fclose(file) != 0) fail(head_file);
  memset(head, 0, got);
}

/** Opens a connection with a first message; where handshakes are resumed, makes one that brings the first ticket. */
static void open_first(Connection *connection, char **opening, char *input) {
  open_connection(connection);
  if (SSL_connect(connection->tls) != 1) fail_tls("the handshake");
  check_facts(connection);
  if (mode == EXCHANGE && opening != NULL) switch_protocols(connection->tls, opening[0], opening[1]);
  while (mode == EXCHANGE && connection->sent < message_length) send_message(connection);
  while (mode == EXCHANGE && connection->got < response_length) receive_response(connection, input);
  if (mode == EXCHANGE) return;
  SSL_shutdown(connection->tls);
  shutdown(connection->fd, SHUT_WR);
  SSL_read(connection->tls, input, INPUT);
  end_cycle(connection);
}

static void open_connections(Worker *workers, int connections, int threads, char **opening) {
  char *input = allocate(INPUT, 1);
  for (int number = 0; number < connections; number++) {
    Worker *worker = &workers[number % threads];
    Connection *connection = &worker->connections[worker->count++];
    connection->host = mode == EXCHANGE ? number / PER_ADDRESS : number;
    if (mode != FULL || number == 0) open_first(connection, opening, input);
    if (mode != EXCHANGE) continue;
    if (fcntl(connection->fd, F_SETFL, O_NONBLOCK) < 0) fail("fcntl");
    control(worker->poller, EPOLL_CTL_ADD, connection->fd, EPOLLIN, connection);
  }
  free(input);
}

/** Reads variable parts such as `120:29,311:4`. */
static void read_variable_parts(char *text) {
  while (*text != '\0') {
    if (part_count == MAX_PARTS) fail("the number of variable parts");
    size_t start = strtoul(text, &text, 10), bytes = *text == ':' ? strtoul(text + 1, &text, 10) : 0;
    variable_parts[part_count].start = start;
    variable_parts[part_count++].end = start + bytes;
    if (bytes == 0 || start + bytes > response_length || (*text != ',' && *text != '\0')) fail("a variable part");
    if (*text == ',') text++;
  }
}

int main(int argc, char **argv) {
  static const char *const MODES[] = {"exchange", "full", "resumed"};
  while (argc > 5 && mode < 3 && strcmp(argv[1], MODES[mode]) != 0) mode++;
  if (argc != (mode == EXCHANGE && argc != 11 ? 9 : mode == EXCHANGE ? 11 : mode < 3 ? 6 : -1))
    fail("usage: tls-load full|resumed <port> <connections> <threads> <certificate>, or exchange with the same, <message file> "
         "<response file> <its variable parts, such as 120:29,311:4> [<request that opens> <file for its response>]");
  int connections = atoi(argv[3]), threads = atoi(argv[4]);
  long long ms;
  char line[64];
  server = loopback(0, atoi(argv[2]));
  open_context(argv[5]);
  if (mode == EXCHANGE) {
    message = read_file(argv[6], &message_length);
    response = read_file(argv[7], &response_length);
    read_variable_parts(argv[8]);
  }
  Worker *workers = allocate((size_t)threads, sizeof *workers);
  for (int index = 0; index < threads; index++) {
    workers[index].connections = allocate((size_t)(connections / threads + 1), sizeof *workers->connections);
    if ((workers[index].poller = epoll_create1(EPOLL_CLOEXEC)) < 0) fail("epoll_create1");
  }
  open_connections(workers, connections, threads, argc == 11 ? argv + 9 : NULL);
  say("{\"open\":%d,\"tls\":\"TLSv1.3, %s, %s\"}\n", connections, CIPHER, GROUP);
  while (fgets(line, sizeof line, stdin) != NULL && sscanf(line, "run %lld", &ms) == 1) run(workers, threads, ms);
}
