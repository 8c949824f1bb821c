/* Reads what a server streams over many connections, as fast as it comes, and throws it away.
   drain PORT CONNECTIONS: a request for /stream on each, then a line for each second with the bytes read so far. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char REQUEST[] = "GET /stream HTTP/1.1\r\nHost: bench\r\n\r\n";

static int fail(const char *what) {
  perror(what);
  return 1;
}

int main(int argc, char **argv) {
  if (argc != 3) return fprintf(stderr, "usage: drain PORT CONNECTIONS\n"), 2;
  int poller = epoll_create1(0), count = atoi(argv[2]);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[1]))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (int at = 0; at < count; at++) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) return fail("connect");
    if (write(fd, REQUEST, sizeof REQUEST - 1) < 0) return fail("write");
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) != 0) return fail("epoll_ctl");
  }
  static char buffer[256 * 1024];
  struct epoll_event events[256];
  long long total = 0;
  time_t last = time(NULL);
  printf("{\"connections\":%d}\n", count);
  fflush(stdout);
  for (;;) {
    int ready = epoll_wait(poller, events, 256, 1000);
    for (int at = 0; at < ready; at++) {
      ssize_t got = recv(events[at].data.fd, buffer, sizeof buffer, MSG_TRUNC | MSG_DONTWAIT);
      if (got == 0) return fprintf(stderr, "the server ended a stream\n"), 1;
      if (got > 0) total += got;
    }
    if (time(NULL) == last) continue;
    last = time(NULL);
    printf("{\"bytes\":%lld}\n", total);
    fflush(stdout);
  }
}
