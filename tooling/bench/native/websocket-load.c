// A client of WebSocket servers on a port of this machine. It opens its connections, exchanges the first message of each,
// prints a line, and keeps them: a line `run <ms>` on stdin lets it work for so long, and then it prints what was done.
// The messages of connections that were opened before are so all the work that a server gets meanwhile. It polls and
// never sleeps while it works, for the reason that polling-client.c has.
//
// It knows little of the protocol: it sends the request and the masked frame of two files, and every reply must have the
// bytes of the first one, which it writes into a third file, after the head of the first response, to be checked. If the
// request offers permessage-deflate, replies must have the flags of the first one and be about as long, at most.
#include "waits.h"
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/time.h>

enum { MAX_EVENTS = 256, INPUT = 256 * 1024, HEAD = 4096, PER_ADDRESS = 5000, LONGEST = 10, AT_A_TIME = 100 };
#define PATIENCE_NS 10000000000LL
/** Of the key that RFC 6455 has as its example, and that every request has. */
static const char ACCEPTED[] = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", DEFLATE[] = "permessage-deflate";

typedef struct {
  enum { OPENING, OPEN, ENDING } step; // if connections are closed
  int fd, host, waits_for_room;
  size_t sent, got;
  long long begun_ns;
  unsigned char start[LONGEST]; // of a compressed frame
  char *head; // of the response, if connections are closed
} Connection;

typedef struct {
  pthread_t thread;
  Connection *connections;
  int count, poller, sends; // and whether it has the connection that sends what is broadcast
  long long due; // how many messages are delivered once all have the one that was sent
  Waits *waits;
} Worker;

// Each connection sends a message and waits for it; or the first one sends, and waits until all have it; or each opens,
// closes with the closing handshake, and opens again.
static enum { ECHO, BROADCAST, CLOSE } mode;
static struct sockaddr_in server;
static char *request, *frame, *reply;
static size_t request_length, frame_length, reply_length;
static long long end_ns;
static int all, is_deflated;
static atomic_llong delivered;
static atomic_int is_over;

static void send_more(Worker *worker, Connection *connection) {
  while (connection->sent < frame_length) {
    ssize_t sent = send(connection->fd, frame + connection->sent, frame_length - connection->sent, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) break;
    if (sent < 0) fail("send");
    connection->sent += (size_t)sent;
  }
  int waits = connection->sent < frame_length;
  if (waits == connection->waits_for_room) return;
  control(worker->poller, EPOLL_CTL_MOD, connection->fd, waits ? EPOLLIN | EPOLLOUT : EPOLLIN, connection);
  connection->waits_for_room = waits;
}

static void next_message(Worker *worker, Connection *connection, long long now) {
  connection->begun_ns = now;
  connection->sent = 0;
  send_more(worker, connection);
}

/** Connects, and sends the request; the socket blocks. */
static void connect_and_ask(Connection *connection) {
  struct timeval patience = {.tv_sec = 20};
  int fd = connection->fd = socket_from(connection->host, 0), on = 1;
  if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0) fail("setsockopt");
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (connect(fd, (struct sockaddr *)&server, sizeof server) < 0) fail("connect");
  if (send(fd, request, request_length, MSG_NOSIGNAL) != (ssize_t)request_length) fail("send");
}

/** The length of the head of a response; 0 as long as its end is missing. Fails if it does not switch protocols. */
static size_t head_length(const char *head, size_t got) {
  const char *end = memmem(head, got, "\r\n\r\n", 4);
  if (end == NULL && got < HEAD) return 0;
  errno = 0;
  if (end == NULL || memcmp(head, "HTTP/1.1 101 ", 13) != 0) fail("the status of the opening handshake");
  if (memmem(head, got, ACCEPTED, sizeof ACCEPTED - 1) == NULL) fail("Sec-WebSocket-Accept");
  if (is_deflated && memmem(head, got, DEFLATE, sizeof DEFLATE - 1) == NULL) fail("the acceptance of permessage-deflate");
  return (size_t)(end - head) + 4;
}

/** Receives the head of the response, and not a byte more: a server sends nothing before it is sent a message. */
static size_t receive_head(const Connection *connection, char *head) {
  size_t got = 0, length;
  while ((length = head_length(head, got)) == 0) {
    ssize_t more = recv(connection->fd, head + got, HEAD - got, 0);
    if (more <= 0) fail("the response of the opening handshake");
    got += (size_t)more;
  }
  errno = 0;
  if (got != length) fail("bytes after the opening handshake");
  return length;
}

/** The length of a frame without a mask; 0 as long as its head is missing. */
static size_t length_of_frame(const unsigned char *bytes, size_t got) {
  size_t extended = got < 2 ? 0 : bytes[1] == 126 ? 2 : bytes[1] == 127 ? 8 : 0, length = 0;
  if (got < 2 + extended) return 0;
  if (extended == 0) return 2 + (size_t)bytes[1];
  for (size_t at = 2; at < 2 + extended; at++) length = length << 8 | bytes[at];
  return 2 + extended + length;
}

/**
 * Whether a compressed frame has the flags of the first one and is no longer than about that: zlib compresses a message
 * that follows others in slightly different ways, and with context takeover into a few bytes.
 */
static int is_like_reply(unsigned char flags, size_t length) {
  return flags == (unsigned char)reply[0] && length > 2 && length < reply_length * 2;
}

/** Sends the message on a socket that blocks. */
static void send_first(const Connection *connection) {
  if (send(connection->fd, frame, frame_length, MSG_NOSIGNAL) != (ssize_t)frame_length) fail("send");
}

/** Receives the reply on a socket that blocks: the first one is kept, and others must be equal. */
static void receive_first(const Connection *connection) {
  static char bytes[INPUT];
  size_t got = 0;
  for (size_t length = 0; length == 0 || got < length; length = length_of_frame((unsigned char *)bytes, got)) {
    ssize_t more = recv(connection->fd, bytes + got, (length > 0 ? length : INPUT) - got, 0);
    if (more <= 0 || (got += (size_t)more) == INPUT) fail("the reply to a message");
  }
  errno = 0;
  if (reply == NULL) memcpy(reply = allocate(reply_length = got, 1), bytes, got);
  int is_right = is_deflated ? is_like_reply((unsigned char)bytes[0], got) : got == reply_length && memcmp(bytes, reply, got) == 0;
  if (!is_right) fail("the first reply");
}

static Connection *connection_of(Worker *workers, int threads, int number) {
  return &workers[number % threads].connections[number / threads];
}

/** Opens all connections, so many at a time, with a first message each; to learn the reply to a close frame, one is enough. */
static void open_connections(Worker *workers, int threads, const char *reply_file) {
  static char head[HEAD], first[HEAD];
  size_t length = 0;
  int wanted = mode == CLOSE ? 1 : all;
  for (int number = 0; number < all; number++) {
    Connection *connection = connection_of(workers, threads, number);
    workers[number % threads].count++;
    connection->host = number / PER_ADDRESS;
    if (mode == CLOSE) connection->head = allocate(HEAD, 1);
  }
  for (int from = 0, to; from < wanted; from = to) {
    to = wanted - from > AT_A_TIME ? from + AT_A_TIME : wanted;
    for (int number = from; number < to; number++) connect_and_ask(connection_of(workers, threads, number));
    for (int number = from; number < to; number++) {
      size_t received = receive_head(connection_of(workers, threads, number), head);
      if (number == 0) memcpy(first, head, length = received);
      if (mode != BROADCAST) send_first(connection_of(workers, threads, number));
    }
    for (int number = from; number < to && mode != BROADCAST; number++) receive_first(connection_of(workers, threads, number));
  }
  if (mode == BROADCAST) send_first(connection_of(workers, threads, 0));
  for (int number = 0; number < wanted; number++) {
    Connection *connection = connection_of(workers, threads, number);
    if (mode == BROADCAST) receive_first(connection);
    if (mode == CLOSE) { close(connection->fd); continue; }
    if (fcntl(connection->fd, F_SETFL, O_NONBLOCK) < 0) fail("fcntl");
    control(workers[number % threads].poller, EPOLL_CTL_ADD, connection->fd, EPOLLIN, connection);
  }
  FILE *file = fopen(reply_file, "wb");
  if (file == NULL || fwrite(first, 1, length, file) != length) fail(reply_file);
  if (fwrite(reply, 1, reply_length, file) != reply_length || fclose(file) != 0) fail(reply_file);
}

/** Receives what is there of the reply; 1 if that is all of it. */
static int receive_reply(Connection *connection, char *input) {
  size_t before = connection->got, missing = reply_length - before;
  // One byte more than is due: an extra byte must fail the run.
  ssize_t got = recv(connection->fd, input, is_deflated || missing >= INPUT ? INPUT : missing + 1, 0);
  if (got < 0 && errno == EAGAIN) return 0;
  if (got <= 0) fail("recv");
  errno = 0;
  connection->got += (size_t)got;
  size_t length = reply_length;
  if (is_deflated) {
    size_t here = before >= LONGEST ? 0 : LONGEST - before < (size_t)got ? LONGEST - before : (size_t)got;
    memcpy(connection->start + before, input, here);
    length = length_of_frame(connection->start, connection->got);
    if (length > 0 && !is_like_reply(connection->start[0], length)) fail("the frame that came back");
    if (length == 0) return 0;
  }
  if (connection->got > length) fail("the number of bytes that came back");
  if (!is_deflated && memcmp(input, reply + before, (size_t)got) != 0) fail("the bytes that came back");
  if (connection->got < length) return 0;
  connection->got = 0;
  return 1;
}

/** Opens a connection that is then closed; it ends with FIN on both sides, as those of browsers do. */
static void begin_cycle(Worker *worker, Connection *connection, long long now) {
  struct linger normal = {0};
  connect_and_ask(connection);
  setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &normal, sizeof normal);
  if (fcntl(connection->fd, F_SETFL, O_NONBLOCK) < 0) fail("fcntl");
  control(worker->poller, EPOLL_CTL_ADD, connection->fd, EPOLLIN, connection);
  *connection = (Connection){.fd = connection->fd, .host = connection->host, .head = connection->head, .begun_ns = now};
}

/** The opening handshake, our close frame, that of the server, and the end of the connection, which is the server's. */
static int receive_cycle(Worker *worker, Connection *connection, char *input) {
  if (connection->step == OPENING) {
    ssize_t got = recv(connection->fd, connection->head + connection->got, HEAD - connection->got, 0);
    if (got < 0 && errno == EAGAIN) return 0;
    if (got <= 0) fail("the response of the opening handshake");
    connection->got += (size_t)got;
    size_t length = head_length(connection->head, connection->got);
    if (length == 0) return 0;
    errno = 0;
    if (length != connection->got) fail("bytes after the opening handshake");
    connection->step = OPEN;
    connection->got = 0;
    send_more(worker, connection);
    return 0;
  }
  if (connection->step == OPEN) {
    if (!receive_reply(connection, input)) return 0;
    connection->step = ENDING;
  }
  ssize_t got = recv(connection->fd, input, 1, 0);
  if (got < 0 && errno == EAGAIN) return 0;
  if (got < 0 && errno != ECONNRESET) fail("recv");
  errno = 0;
  if (got > 0) fail("bytes after the closing handshake");
  close(connection->fd);
  return 1;
}

/** Takes what came, and sends the next message or opens the next connection; 1 if the time for more is over. */
static int receive(Worker *worker, Connection *connection, char *input) {
  if (!(mode == CLOSE ? receive_cycle(worker, connection, input) : receive_reply(connection, input))) return 0;
  if (mode == BROADCAST) { delivered++; return 0; }
  long long now = now_ns();
  add_wait(worker->waits, now - connection->begun_ns);
  if (now >= end_ns) return 1;
  if (mode == CLOSE) begin_cycle(worker, connection, now);
  else next_message(worker, connection, now);
  return 0;
}

/** Sends the next message after all have the one before; 0 if the time is over. */
static int broadcast(Worker *worker) {
  Connection *sender = worker->connections;
  if (!worker->sends || delivered < worker->due) return !is_over;
  long long now = now_ns();
  add_wait(worker->waits, now - sender->begun_ns);
  worker->due += all;
  if (now < end_ns) next_message(worker, sender, now);
  else is_over = 1;
  return !is_over;
}

static void *work(void *argument) {
  Worker *worker = argument;
  struct epoll_event events[MAX_EVENTS];
  char *input = allocate(INPUT, 1);
  long long last_ns = now_ns();
  int busy = mode == BROADCAST ? 1 : worker->count;
  for (int index = 0; index < (mode == BROADCAST ? worker->sends : busy); index++) {
    if (mode == CLOSE) begin_cycle(worker, &worker->connections[index], now_ns());
    else next_message(worker, &worker->connections[index], now_ns());
  }
  while (busy > 0) {
    int count = epoll_wait(worker->poller, events, MAX_EVENTS, 0);
    if (count > 0) last_ns = now_ns();
    errno = 0;
    if (now_ns() - last_ns > PATIENCE_NS) fail("a reply within ten seconds");
    if (count == 0) sched_yield();
    for (int index = 0; index < count; index++) {
      Connection *connection = events[index].data.ptr;
      if (events[index].events & EPOLLOUT) send_more(worker, connection);
      if (events[index].events & ~(unsigned)EPOLLOUT) busy -= receive(worker, connection, input);
    }
    if (mode == BROADCAST) busy = broadcast(worker);
  }
  free(input);
  return NULL;
}

/** Works until the time is over and all that was sent by then is back; prints how many messages came, or connections. */
static void run(Worker *workers, int threads, long long ms) {
  Waits *waits = allocate(1, sizeof *waits);
  long long start_ns = now_ns();
  end_ns = start_ns + ms * 1000000LL;
  delivered = is_over = 0;
  for (int index = 0; index < threads; index++) {
    Worker *worker = &workers[index];
    worker->waits = allocate(1, sizeof *worker->waits);
    worker->due = all;
    if (pthread_create(&worker->thread, NULL, work, worker) != 0) fail("pthread_create");
  }
  for (int index = 0; index < threads; index++) {
    pthread_join(workers[index].thread, NULL);
    add_waits(waits, workers[index].waits);
    free(workers[index].waits);
  }
  say_done(mode == BROADCAST ? delivered : waits->count, now_ns() - start_ns, waits);
  free(waits);
}

int main(int argc, char **argv) {
  static const char *const MODES[] = {"echo", "broadcast", "close"};
  while (argc == 8 && mode < 3 && strcmp(argv[2], MODES[mode]) != 0) mode++;
  if (argc != 8 || mode == 3)
    fail("usage: websocket-load <port> echo|broadcast|close <connections> <threads> <file of the request> "
         "<file of a masked frame> <file for the reply>");
  int threads = atoi(argv[4]);
  long long ms;
  char line[64];
  server = loopback(0, atoi(argv[1]));
  all = atoi(argv[3]);
  request = read_file(argv[5], &request_length);
  frame = read_file(argv[6], &frame_length);
  is_deflated = strstr(request, DEFLATE) != NULL;
  Worker *workers = allocate((size_t)threads, sizeof *workers);
  for (int index = 0; index < threads; index++) {
    workers[index].connections = allocate((size_t)(all / threads + 1), sizeof *workers->connections);
    workers[index].sends = index == 0;
    if ((workers[index].poller = epoll_create1(EPOLL_CLOEXEC)) < 0) fail("epoll_create1");
  }
  open_connections(workers, threads, argv[7]);
  say("{\"open\":%d}\n", all);
  while (fgets(line, sizeof line, stdin) != NULL && sscanf(line, "run %lld", &ms) == 1) run(workers, threads, ms);
}
