// The floor: the least a process can do to answer these requests. One epoll loop, level-triggered, one recv into one
// buffer and one send per wake-up of a connection; it reads on where that buffer was filled, since to leave bytes of a
// large body there costs the system several times as much. Whatever ends in CRLF CRLF, and a body of the length it is
// told, is answered with the bytes of a file. Only the Date in them changes, once a second. It parses nothing, so it is
// no server to copy.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_EVENTS = 256, MAX_FDS = 1 << 17, INPUT = 64 * 1024, SMALL_ANSWER = 4096, COPIES = 64, DATE_LENGTH = 29 };

typedef struct {
  unsigned char matched, asks_out; // bytes of CRLF CRLF seen so far
  unsigned body_left, owed, sent;  // bytes of the body, answers, and bytes sent of the first of them
} Connection;

static char input[INPUT], *answers;
static size_t answer_length, date_at, copies, body_length;
static int poller;
static Connection connections[MAX_FDS];

static void fail(const char *what) { perror(what); exit(1); }

static void read_answer(const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) fail(path);
  if (fseek(file, 0, SEEK_END) < 0) fail(path);
  answer_length = (size_t)ftell(file);
  copies = answer_length <= SMALL_ANSWER ? COPIES : 1;
  answers = malloc(copies * answer_length);
  rewind(file);
  if (answers == NULL || fread(answers, 1, answer_length, file) != answer_length) fail(path);
  fclose(file);
  char *date = memmem(answers, answer_length, "\r\nDate: ", 8);
  if (date == NULL) { fprintf(stderr, "floor: not an answer with a Date\n"); exit(1); }
  date_at = (size_t)(date - answers) + 8;
}

static void write_dates(time_t now) {
  char date[DATE_LENGTH + 1];
  strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime(&now)); // the C locale: no setlocale here
  memcpy(answers + date_at, date, DATE_LENGTH);
  for (size_t copy = 1; copy < copies; copy++) memcpy(answers + copy * answer_length, answers, answer_length);
}

static int listen_anywhere(void) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0) fail("socket");
  if (bind(fd, (struct sockaddr *)&address, length) < 0 || listen(fd, 511) < 0) fail("listen");
  getsockname(fd, (struct sockaddr *)&address, &length);
  printf("{\"port\":%d,\"backend\":\"c\"}\n", ntohs(address.sin_port));
  fflush(stdout);
  return fd;
}

static void watch(int fd, unsigned events, int operation) {
  struct epoll_event interest = {.events = events, .data.fd = fd};
  if (epoll_ctl(poller, operation, fd, &interest) < 0) fail("epoll_ctl");
}

/** Sends what is owed, as far as it goes; the rest when there is room. */
static void send_answers(int fd, Connection *connection) {
  while (connection->owed > 0) {
    size_t batch = connection->owed < copies ? connection->owed : copies;
    size_t length = batch * answer_length - connection->sent;
    ssize_t sent = send(fd, answers + connection->sent, length, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) { close(fd); return; }
    size_t passed = connection->sent + (sent < 0 ? 0 : (size_t)sent);
    connection->owed -= (unsigned)(passed / answer_length);
    connection->sent = (unsigned)(passed % answer_length);
    if (sent == (ssize_t)length) continue;
    if (!connection->asks_out) watch(fd, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
    connection->asks_out = 1;
    return;
  }
  if (connection->asks_out) watch(fd, EPOLLIN, EPOLL_CTL_MOD);
  connection->asks_out = 0;
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

static void answer(int fd, Connection *connection) {
  ssize_t got;
  do {
    got = recv(fd, input, INPUT, 0);
    if (got <= 0 && !(got < 0 && errno == EAGAIN)) { close(fd); return; }
    take(connection, got);
  } while (got == INPUT);
  if (connection->owed > 0) send_answers(fd, connection);
}

int main(int argc, char **argv) {
  if (argc != 2 && argc != 3) { fprintf(stderr, "usage: floor <file with the answer> [<bytes of a body>]\n"); return 2; }
  read_answer(argv[1]);
  if (argc == 3) body_length = (size_t)atol(argv[2]);
  int listener = listen_anywhere();
  poller = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event events[MAX_EVENTS];
  watch(listener, EPOLLIN, EPOLL_CTL_ADD);
  for (time_t dated = 0;;) {
    int count = epoll_wait(poller, events, MAX_EVENTS, -1);
    time_t now = time(NULL);
    if (now != dated) write_dates(dated = now);
    for (int index = 0; index < count; index++) {
      int fd = events[index].data.fd;
      if (fd != listener && events[index].events == EPOLLOUT) { send_answers(fd, &connections[fd]); continue; }
      if (fd != listener) { answer(fd, &connections[fd]); continue; }
      while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (fd >= MAX_FDS) { close(fd); continue; }
        connections[fd] = (Connection){0};
        watch(fd, EPOLLIN, EPOLL_CTL_ADD);
      }
    }
  }
}
