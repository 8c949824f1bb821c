// Opens connections to a port of this machine, sends one request on each, reads its answer, and keeps them all open
// until its input ends. In C, so that it takes next to nothing from the core it shares. It goes on from 127.0.0.2, and so
// on, every few thousand connections: servers may limit those of one address, and its ports may run short.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static void fail(const char *what, int number) {
  fprintf(stderr, "idle-client: %s of connection %d: %s\n", what, number, strerror(errno));
  exit(1);
}

enum { PER_ADDRESS = 5000, ADDRESSES = 200 };

static void read_answer(int fd, size_t length, int number) {
  char buffer[4096];
  while (length > 0) {
    errno = 0;
    ssize_t got = recv(fd, buffer, length < sizeof buffer ? length : sizeof buffer, 0);
    if (got <= 0) fail("recv", number);
    length -= (size_t)got;
  }
}

static int connect_from(in_addr_t source, int port, int number) {
  struct sockaddr_in server = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct sockaddr_in client = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(source)};
  struct timeval patience = {.tv_sec = 20};
  struct linger abrupt = {.l_onoff = 1}; // Closing resets: no port is left in TIME_WAIT for the next row.
  int on = 1;
  server.sin_port = htons((unsigned short)port);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) fail("socket", number);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &abrupt, sizeof abrupt);
  // The port is chosen by connect, which knows to whom: bind would take it from every other connection too.
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)&client, sizeof client) < 0) fail("bind", number);
  if (connect(fd, (struct sockaddr *)&server, sizeof server) == 0) return fd;
  if (errno != EADDRNOTAVAIL) fail("connect", number);
  close(fd);
  return -1;
}

static void connect_once(int port, size_t answer_length, int number) {
  static in_addr_t source = INADDR_LOOPBACK;
  int fd;
  if (number % PER_ADDRESS == 0) source++;
  while ((fd = connect_from(source, port, number)) < 0) {
    if (++source == INADDR_LOOPBACK + ADDRESSES) fail("connect", number);
  }
  char request[128];
  int length = snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", port);
  if (send(fd, request, (size_t)length, MSG_NOSIGNAL) != length) fail("send", number);
  read_answer(fd, answer_length, number);
}

int main(int argc, char **argv) {
  if (argc != 4) { fprintf(stderr, "usage: idle-client <port> <connections> <bytes of an answer>\n"); return 2; }
  int connections = atoi(argv[2]);
  for (int number = 1; number <= connections; number++) connect_once(atoi(argv[1]), (size_t)atol(argv[3]), number);
  printf("{\"open\":%d}\n", connections);
  fflush(stdout);
  while (getchar() != EOF) continue;
  return 0;
}
