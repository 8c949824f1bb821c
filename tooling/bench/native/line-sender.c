// Sends lines of 100 bytes to a port of this machine, as fast as they are read. Each begins with its number in ten
// digits, so that the reader can tell whether it missed any.
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { LINE = 100, DIGITS = 10, LINES = 640 };

static char lines[LINES * LINE];

static void fail(const char *what) { perror(what); exit(1); }

static void write_number(char *to, unsigned long long number) {
  for (int digit = DIGITS - 1; digit >= 0; digit--, number /= 10) to[digit] = (char)('0' + number % 10);
}

int main(int argc, char **argv) {
  if (argc != 2) { fprintf(stderr, "usage: line-sender <port>\n"); return 2; }
  struct sockaddr_in server = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  server.sin_port = htons((unsigned short)atoi(argv[1]));
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) fail("socket");
  if (connect(fd, (struct sockaddr *)&server, sizeof server) < 0) fail("connect");
  memset(lines, 'x', sizeof lines);
  for (int index = 0; index < LINES; index++) lines[(index + 1) * LINE - 1] = '\n';
  for (unsigned long long number = 0;;) {
    for (int index = 0; index < LINES; index++) write_number(lines + index * LINE, number++);
    for (size_t at = 0; at < sizeof lines;) {
      ssize_t sent = send(fd, lines + at, sizeof lines - at, MSG_NOSIGNAL);
      if (sent < 0) return 0; // The reader has seen enough.
      at += (size_t)sent;
    }
  }
}
