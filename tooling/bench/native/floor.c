// The floors of HTTP and of an echo: the least that a process can do. One epoll loop, level-triggered, one recv into
// one buffer of 64 KiB and one send per wake-up of a connection. It is no server to copy: the HTTP one parses nothing.
// As the server of measured clients it polls instead of sleeping, for the reason that polling-client.c has, but only for
// some milliseconds after the last event, and it listens on all addresses of the loopback.
#include "common.h"
#include <sched.h>

enum { MAX_EVENTS = 256, MAX_FDS = 1 << 17, INPUT = 64 * 1024, SMALL_RESPONSE = 4096, COPIES = 64, DATE_LENGTH = 29, POLLS = 20000 };

static char input[INPUT];
static int poller, polls;

static void watch(int fd, unsigned events, int operation) {
  struct epoll_event interest = {.events = events, .data.fd = fd};
  if (epoll_ctl(poller, operation, fd, &interest) < 0) fail("epoll_ctl");
}

// The echo keeps what the kernel does not take at once, and reads nothing more until it is sent.
typedef struct {
  char *bytes;
  size_t at, length;
} Rest;

static Rest rests[MAX_FDS];

static void drop(int fd) {
  free(rests[fd].bytes);
  rests[fd] = (Rest){0};
  close(fd);
}

static void send_rest(int fd) {
  Rest *rest = &rests[fd];
  ssize_t sent = send(fd, rest->bytes + rest->at, rest->length - rest->at, MSG_NOSIGNAL);
  if (sent < 0) { if (errno != EAGAIN) drop(fd); return; }
  rest->at += (size_t)sent;
  if (rest->at < rest->length) return;
  free(rest->bytes);
  *rest = (Rest){0};
  watch(fd, EPOLLIN, EPOLL_CTL_MOD);
}

static void echo(int fd, unsigned events) {
  (void)events;
  if (rests[fd].bytes != NULL) { send_rest(fd); return; }
  ssize_t got = recv(fd, input, INPUT, 0);
  if (got <= 0) { drop(fd); return; }
  ssize_t sent = send(fd, input, (size_t)got, MSG_NOSIGNAL);
  if (sent == got) return;
  if (sent < 0 && errno != EAGAIN) { drop(fd); return; }
  if (sent < 0) sent = 0;
  size_t length = (size_t)(got - sent);
  rests[fd] = (Rest){.bytes = malloc(length), .length = length};
  if (rests[fd].bytes == NULL) fail("malloc");
  memcpy(rests[fd].bytes, input + sent, length);
  watch(fd, EPOLLOUT, EPOLL_CTL_MOD);
}

// The HTTP floor reads on if a recv filled its buffer, since to leave bytes of a large body in the kernel costs several
// times as much. It responds to whatever ends in CRLF CRLF, and a body of the length in its arguments, with the bytes of
// a file, of which only the Date changes, once a second.
typedef struct {
  unsigned char matched, waits_for_room; // bytes of CRLF CRLF seen so far
  unsigned body_left, owed, sent;        // bytes of the body, responses, and bytes sent of the first of them
} Connection;

static Connection connections[MAX_FDS];
static char *responses;
static size_t response_length, date_at, copies, body_length;

static void read_response(const char *path) {
  char *one = read_file(path, &response_length), *date = memmem(one, response_length, "\r\nDate: ", 8);
  if (date == NULL) fail("the Date of the response");
  date_at = (size_t)(date - one) + 8;
  copies = response_length <= SMALL_RESPONSE ? COPIES : 1;
  responses = allocate(copies, response_length);
  memcpy(responses, one, response_length);
}

static void write_dates(void) {
  static time_t dated;
  time_t now = time(NULL);
  if (now == dated) return;
  dated = now;
  char date[DATE_LENGTH + 1];
  strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime(&now)); // the C locale: no setlocale here
  memcpy(responses + date_at, date, DATE_LENGTH);
  for (size_t copy = 1; copy < copies; copy++) memcpy(responses + copy * response_length, responses, response_length);
}

/** Sends the responses that are owed, as far as there is room; the rest on a later wake-up. */
static void send_responses(int fd, Connection *connection) {
  while (connection->owed > 0) {
    size_t batch = connection->owed < copies ? connection->owed : copies;
    size_t length = batch * response_length - connection->sent;
    ssize_t sent = send(fd, responses + connection->sent, length, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) { close(fd); return; }
    size_t passed = connection->sent + (sent < 0 ? 0 : (size_t)sent);
    connection->owed -= (unsigned)(passed / response_length);
    connection->sent = (unsigned)(passed % response_length);
    if (sent < (ssize_t)length) break;
  }
  int waits = connection->owed > 0;
  if (waits != connection->waits_for_room) watch(fd, waits ? EPOLLIN | EPOLLOUT : EPOLLIN, EPOLL_CTL_MOD);
  connection->waits_for_room = (unsigned char)waits;
}

/** Counts the requests that end in these bytes. */
static void take(Connection *connection, ssize_t got) {
  unsigned char state = connection->matched;
  for (ssize_t at = 0; at < got;) {
    if (connection->body_left > 0) {
      unsigned here = got - at < connection->body_left ? (unsigned)(got - at) : connection->body_left;
      at += here;
      connection->body_left -= here;
      connection->owed += connection->body_left == 0;
      continue;
    }
    state = input[at] == "\r\n\r\n"[state] ? state + 1 : input[at] == '\r';
    at++;
    if (state < 4) continue;
    state = 0;
    connection->body_left = (unsigned)body_length;
    connection->owed += body_length == 0;
  }
  connection->matched = state;
}

static void respond(int fd, unsigned events) {
  Connection *connection = &connections[fd];
  if (events == EPOLLOUT) { send_responses(fd, connection); return; }
  ssize_t got;
  do {
    got = recv(fd, input, INPUT, 0);
    if (got <= 0 && !(got < 0 && errno == EAGAIN)) { close(fd); return; }
    take(connection, got);
  } while (got == INPUT);
  if (connection->owed > 0) send_responses(fd, connection);
}

static int listen_anywhere(void) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
  struct sockaddr_in address = loopback(0, 0);
  if (polls) address.sin_addr.s_addr = INADDR_ANY;
  if (polls && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2) < 0) fail("setsockopt");
  socklen_t length = sizeof address;
  if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0) fail("socket");
  if (bind(fd, (struct sockaddr *)&address, length) < 0 || listen(fd, polls ? SOMAXCONN : 511) < 0) fail("listen");
  getsockname(fd, (struct sockaddr *)&address, &length);
  say("{\"port\":%d,\"backend\":\"c\"}\n", ntohs(address.sin_port));
  return fd;
}

int main(int argc, char **argv) {
  if (argc > 4) fail("usage: floor (for an echo), or floor <file with a response> [<bytes of a body> [poll]]");
  int is_http = argc > 1;
  void (*ready)(int, unsigned) = is_http ? respond : echo;
  if (is_http) read_response(argv[1]);
  if (argc > 2) body_length = (size_t)atol(argv[2]);
  polls = argc == 4;
  int listener = listen_anywhere(), empty = 0;
  poller = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event events[MAX_EVENTS];
  watch(listener, EPOLLIN, EPOLL_CTL_ADD);
  for (;;) {
    int count = epoll_wait(poller, events, MAX_EVENTS, polls && empty < POLLS ? 0 : -1);
    empty = count > 0 ? 0 : empty + 1;
    if (count <= 0) sched_yield();
    if (is_http) write_dates();
    for (int index = 0; index < count; index++) {
      int fd = events[index].data.fd;
      if (fd != listener) { ready(fd, events[index].events); continue; }
      while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (fd >= MAX_FDS) { close(fd); continue; }
        if (is_http) connections[fd] = (Connection){0};
        watch(fd, EPOLLIN, EPOLL_CTL_ADD);
      }
    }
  }
}
