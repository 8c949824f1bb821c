// The floor of an echo: one epoll loop, level-triggered, one recv into one 64 KiB buffer and one send per wake-up of a
// connection. What the kernel does not take at once is kept, and nothing more is read until it has left.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_EVENTS = 256, MAX_FDS = 1 << 17, INPUT = 64 * 1024 };

typedef struct {
  char *bytes;
  size_t at, length;
} Rest;

static char input[INPUT];
static Rest rests[MAX_FDS]; // per connection; all empty but for slow readers
static int poller;

static void fail(const char *what) { perror(what); exit(1); }

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

static void drop(int fd) {
  free(rests[fd].bytes);
  rests[fd] = (Rest){0};
  close(fd);
}

static void wait_for(int fd, unsigned events) {
  struct epoll_event interest = {.events = events, .data.fd = fd};
  if (epoll_ctl(poller, EPOLL_CTL_MOD, fd, &interest) < 0) fail("epoll_ctl");
}

static void echo(int fd) {
  ssize_t got = recv(fd, input, INPUT, 0);
  if (got <= 0) { drop(fd); return; }
  ssize_t sent = send(fd, input, (size_t)got, MSG_NOSIGNAL);
  if (sent == got) return;
  if (sent < 0 && errno != EAGAIN) { drop(fd); return; }
  if (sent < 0) sent = 0;
  Rest *rest = &rests[fd];
  rest->bytes = malloc((size_t)(got - sent));
  if (rest->bytes == NULL) fail("malloc");
  rest->at = 0;
  rest->length = (size_t)(got - sent);
  memcpy(rest->bytes, input + sent, rest->length);
  wait_for(fd, EPOLLOUT);
}

static void send_rest(int fd) {
  Rest *rest = &rests[fd];
  ssize_t sent = send(fd, rest->bytes + rest->at, rest->length - rest->at, MSG_NOSIGNAL);
  if (sent < 0) { if (errno != EAGAIN) drop(fd); return; }
  rest->at += (size_t)sent;
  if (rest->at < rest->length) return;
  free(rest->bytes);
  *rest = (Rest){0};
  wait_for(fd, EPOLLIN);
}

int main(void) {
  poller = epoll_create1(EPOLL_CLOEXEC);
  int listener = listen_anywhere();
  struct epoll_event events[MAX_EVENTS], interest = {.events = EPOLLIN, .data.fd = listener};
  if (poller < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, listener, &interest) < 0) fail("epoll_ctl");
  for (;;) {
    int count = epoll_wait(poller, events, MAX_EVENTS, -1);
    for (int index = 0; index < count; index++) {
      int fd = events[index].data.fd;
      if (fd != listener) {
        if (rests[fd].bytes == NULL) echo(fd);
        else send_rest(fd);
        continue;
      }
      while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (fd >= MAX_FDS) { close(fd); continue; }
        interest.data.fd = fd;
        if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &interest) < 0) fail("epoll_ctl");
      }
    }
  }
}
