// What the floors and the clients share.
#pragma once
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t must_end;

static void fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, errno == 0 ? "not what was expected" : strerror(errno));
  exit(1);
}

/** Prints a line for the harness. */
#define say(...) (printf(__VA_ARGS__), fflush(stdout))

static inline long long clock_ns(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static inline long long now_ns(void) { return clock_ns(CLOCK_MONOTONIC); }

static inline void *allocate(size_t count, size_t bytes) {
  void *memory = calloc(count, bytes);
  if (memory == NULL) fail("calloc");
  return memory;
}

/** All bytes of a file. */
static inline char *read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (file == NULL || fseek(file, 0, SEEK_END) < 0) fail(path);
  *size = (size_t)ftell(file);
  rewind(file);
  char *bytes = allocate(*size + 1, 1);
  if (fread(bytes, 1, *size, file) != *size) fail(path);
  fclose(file);
  return bytes;
}

static inline struct sockaddr_in loopback(int host, int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (in_addr_t)host);
  return address;
}

/** A connected socket. Tries again for five seconds while the connection is refused: nginx cannot say when it listens. */
static inline int connect_to(int port) {
  struct sockaddr_in server = loopback(0, port);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  for (int tries = 0; connect(fd, (struct sockaddr *)&server, sizeof server) < 0; tries++) {
    if (errno != ECONNREFUSED || tries == 500) fail("connect");
    usleep(10000);
  }
  return fd;
}

/**
 * A socket for one of very many connections, from 127.0.0.1, 127.0.0.2 and so on: servers may limit those of one
 * address, and its ports may run short. Closing resets, so that no port is left in TIME_WAIT for the next row.
 */
static inline int socket_from(int host, int type) {
  struct sockaddr_in own = loopback(host, 0);
  struct linger abrupt = {.l_onoff = 1};
  int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | type, 0);
  if (fd < 0) fail("socket");
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &abrupt, sizeof abrupt);
  // connect chooses the port, for this server alone: bind would take it from every other connection too.
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)&own, sizeof own) < 0) fail("bind");
  return fd;
}

static inline void control(int poller, int operation, int fd, unsigned events, void *about) {
  struct epoll_event interest = {.events = events, .data.ptr = about};
  if (epoll_ctl(poller, operation, fd, &interest) < 0) fail("epoll_ctl");
}

static inline void set_must_end(int number) { must_end = number; }

/** From now on SIGTERM sets `must_end`. */
static inline void end_on_signal(void) {
  struct sigaction action = {.sa_handler = set_must_end};
  sigaction(SIGTERM, &action, NULL);
}
