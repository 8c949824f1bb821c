// Sends messages to an echo on a port of this machine: each connection sends one, waits until all of it has come back,
// compares it, and sends the next, until the time is over. What is on its way then is still waited for, so that the
// messages counted are all the work the server was given. It polls and never sleeps: to wake a sleeping client is work
// of the system's, some microseconds on the core of whoever sends, that would hide what the server itself takes.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

// Each message is another slice of the same random bytes: what is lost, doubled or out of order does not compare.
enum { MAX_EVENTS = 256, SLICES = 4096, INPUT = 256 * 1024 };
#define PATIENCE_NS 10000000000LL

typedef struct {
  int fd, asks_out;
  size_t slice, sent, got;
} Connection;

typedef struct {
  pthread_t thread;
  Connection *connections;
  int count, poller;
  long long messages;
} Worker;

static char *pattern;
static size_t length;
static long long end_ns;

static void fail(const char *what) {
  fprintf(stderr, "echo-client: %s: %s\n", what, errno == 0 ? "not what was expected" : strerror(errno));
  exit(1);
}

static long long now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void control(Worker *worker, Connection *connection, int operation, unsigned events) {
  struct epoll_event interest = {.events = events, .data.ptr = connection};
  if (epoll_ctl(worker->poller, operation, connection->fd, &interest) < 0) fail("epoll_ctl");
}

static void send_more(Worker *worker, Connection *connection) {
  while (connection->sent < length) {
    const char *from = pattern + connection->slice + connection->sent;
    ssize_t sent = send(connection->fd, from, length - connection->sent, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) fail("send");
    if (sent < 0) {
      if (!connection->asks_out) control(worker, connection, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
      connection->asks_out = 1;
      return;
    }
    connection->sent += (size_t)sent;
  }
  if (connection->asks_out) control(worker, connection, EPOLL_CTL_MOD, EPOLLIN);
  connection->asks_out = 0;
}

static void next_message(Worker *worker, Connection *connection) {
  connection->slice = (connection->slice + 61) % SLICES;
  connection->sent = connection->got = 0;
  send_more(worker, connection);
}

/** Whether the connection is done: its message is back, and the time is over. */
static int receive(Worker *worker, Connection *connection, char *input) {
  size_t owed = connection->sent - connection->got;
  // One byte more than is owed: that it comes would be a fault too.
  size_t room = owed + 1 < INPUT ? owed + 1 : INPUT;
  errno = 0;
  ssize_t got = recv(connection->fd, input, room, 0);
  if (got < 0 && errno == EAGAIN) return 0;
  if (got <= 0) fail("recv");
  errno = 0;
  if ((size_t)got > owed) fail("the number of bytes that came back");
  if (memcmp(input, pattern + connection->slice + connection->got, (size_t)got) != 0) fail("the bytes that came back");
  connection->got += (size_t)got;
  if (connection->got < length) return 0;
  worker->messages++;
  if (now_ns() >= end_ns) return 1;
  next_message(worker, connection);
  return 0;
}

static void *work(void *argument) {
  Worker *worker = argument;
  struct epoll_event events[MAX_EVENTS];
  char *input = malloc(INPUT);
  if (input == NULL) fail("malloc");
  for (int index = 0; index < worker->count; index++) next_message(worker, &worker->connections[index]);
  long long heard_ns = now_ns();
  for (int open = worker->count; open > 0;) {
    int count = epoll_wait(worker->poller, events, MAX_EVENTS, 0);
    if (count > 0) heard_ns = now_ns();
    errno = 0;
    if (now_ns() - heard_ns > PATIENCE_NS) fail("an echo within ten seconds");
    if (count == 0) sched_yield();
    for (int index = 0; index < count; index++) {
      Connection *connection = events[index].data.ptr;
      if (events[index].events & EPOLLOUT) send_more(worker, connection);
      if (events[index].events & ~(unsigned)EPOLLOUT) open -= receive(worker, connection, input);
    }
  }
  free(input);
  return NULL;
}

static int connect_to(int port) {
  struct sockaddr_in server = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  server.sin_port = htons((unsigned short)port);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
  if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0) fail("socket");
  if (connect(fd, (struct sockaddr *)&server, sizeof server) < 0) fail("connect");
  if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) fail("fcntl");
  return fd;
}

static void make_pattern(void) {
  unsigned state = 1;
  pattern = malloc(length + SLICES);
  if (pattern == NULL) fail("malloc");
  for (size_t at = 0; at < length + SLICES; at++) {
    state = state * 1664525u + 1013904223u;
    pattern[at] = (char)(state >> 24);
  }
}

int main(int argc, char **argv) {
  if (argc != 6) {
    fprintf(stderr, "usage: echo-client <port> <connections> <threads> <bytes of a message> <ms>\n");
    return 2;
  }
  int connections = atoi(argv[2]), threads = atoi(argv[3]);
  length = (size_t)atol(argv[4]);
  make_pattern();
  Worker *workers = calloc((size_t)threads, sizeof *workers);
  for (int index = 0; index < threads; index++) {
    Worker *worker = &workers[index];
    worker->count = connections / threads + (index < connections % threads);
    worker->connections = calloc((size_t)worker->count, sizeof *worker->connections);
    if ((worker->poller = epoll_create1(EPOLL_CLOEXEC)) < 0) fail("epoll_create1");
    for (int number = 0; number < worker->count; number++) {
      Connection *connection = &worker->connections[number];
      *connection = (Connection){.fd = connect_to(atoi(argv[1])), .slice = (size_t)(number * 131 + index) % SLICES};
      control(worker, connection, EPOLL_CTL_ADD, EPOLLIN);
    }
  }
  long long start_ns = now_ns(), messages = 0;
  end_ns = start_ns + atoll(argv[5]) * 1000000LL;
  for (int index = 0; index < threads; index++) {
    if (pthread_create(&workers[index].thread, NULL, work, &workers[index]) != 0) fail("pthread_create");
  }
  for (int index = 0; index < threads; index++) {
    pthread_join(workers[index].thread, NULL);
    messages += workers[index].messages;
  }
  printf("{\"messages\":%lld,\"durationUs\":%lld}\n", messages, (now_ns() - start_ns) / 1000);
  return 0;
}
