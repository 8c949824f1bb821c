// The clients that need no polling, of a port of this machine. In C, so that they take little of the core that they share.
#include "common.h"
#include <sys/time.h>

enum { PER_ADDRESS = 5000, INPUT = 256 * 1024, LINE = 100, DIGITS = 10, LINES = 640 };

static char input[INPUT];
static struct timeval patience = {.tv_sec = 20};

/** Opens connections, sends one request on each, reads its response, and keeps them open until its input ends. */
static void idle(int port, int connections, size_t response_length) {
  struct sockaddr_in server = loopback(0, port);
  char request[128];
  int length = snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", port);
  for (int number = 0; number < connections; number++) {
    int fd = socket_from(number / PER_ADDRESS, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&server, sizeof server) < 0) fail("connect");
    if (send(fd, request, (size_t)length, MSG_NOSIGNAL) != length) fail("send");
    errno = 0;
    for (size_t got = 0; got < response_length;) {
      ssize_t more = recv(fd, input, INPUT, 0);
      if (more <= 0) fail("recv");
      got += (size_t)more;
    }
  }
  say("{\"open\":%d}\n", connections);
  while (getchar() != EOF) continue;
}

/** Requests /stream on each connection and throws away what comes; prints the bytes so far once a second. */
static void drain(int port, int connections) {
  static const char REQUEST[] = "GET /stream HTTP/1.1\r\nHost: bench\r\n\r\n";
  int poller = epoll_create1(0);
  for (int at = 0; at < connections; at++) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = connect_to(port)};
    if (write(event.data.fd, REQUEST, sizeof REQUEST - 1) < 0) fail("write");
    if (epoll_ctl(poller, EPOLL_CTL_ADD, event.data.fd, &event) != 0) fail("epoll_ctl");
  }
  struct epoll_event events[256];
  long long total = 0;
  time_t last = time(NULL);
  say("{\"connections\":%d}\n", connections);
  for (;;) {
    int ready = epoll_wait(poller, events, 256, 1000);
    for (int at = 0; at < ready; at++) {
      ssize_t got = recv(events[at].data.fd, input, INPUT, MSG_TRUNC | MSG_DONTWAIT);
      errno = 0;
      if (got == 0) fail("the end of a stream");
      if (got > 0) total += got;
    }
    if (time(NULL) == last) continue;
    last = time(NULL);
    say("{\"bytes\":%lld}\n", total);
  }
}

/** Sends lines as fast as they are read. Each begins with its number, so that the reader sees whether one is missing. */
static void send_lines(int port) {
  static char lines[LINES * LINE];
  int fd = connect_to(port);
  memset(lines, 'x', sizeof lines);
  for (int index = 0; index < LINES; index++) lines[(index + 1) * LINE - 1] = '\n';
  for (unsigned long long number = 0;;) {
    for (char *line = lines; line < lines + sizeof lines; line += LINE, number++) {
      unsigned long long rest = number;
      for (int digit = DIGITS - 1; digit >= 0; digit--, rest /= 10) line[digit] = (char)('0' + rest % 10);
    }
    for (size_t at = 0; at < sizeof lines;) {
      ssize_t sent = send(fd, lines + at, sizeof lines - at, MSG_NOSIGNAL);
      if (sent < 0) return; // The reader has seen enough.
      at += (size_t)sent;
    }
  }
}

/** How many of the bytes in `input` are the head of a response, which must end within the first bytes that come. */
static size_t head_length(ssize_t got) {
  char *end = memmem(input, (size_t)got, "\r\n\r\n", 4);
  if (end == NULL || memmem(input, (size_t)got, " 200 ", 5) == NULL) fail("the head of a response");
  return (size_t)(end - input) + 4;
}

static void fetch(int port, const char *request, const char *expected, size_t length) {
  int fd = connect_to(port), in_head = request[0] != '\0';
  size_t received = 0;
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0) fail("send");
  for (;;) {
    errno = 0;
    ssize_t got = recv(fd, input, INPUT, 0);
    if (got < 0) fail("recv");
    if (got == 0) break;
    size_t skipped = in_head ? head_length(got) : 0, body = (size_t)got - skipped;
    in_head = 0;
    if (body > length - received) fail("the number of bytes");
    if (memcmp(input + skipped, expected + received, body) != 0) fail("the bytes");
    received += body;
  }
  if (received != length) fail("the end of the file");
  close(fd);
}

/**
 * Fetches a file over and over, one connection after the other, until the time is over, and compares every byte. Sends
 * a request first if there is one, and then expects a head that ends in CRLF CRLF. Counts mebibytes.
 */
static void fetch_file(int port, const char *path, const char *request, long long ms) {
  size_t length;
  char *expected = read_file(path, &length);
  long long start_ns = now_ns(), transfers = 0;
  do {
    fetch(port, request, expected, length);
    transfers++;
  } while (now_ns() < start_ns + ms * 1000000LL);
  printf("{\"count\":%.6f,\"wallNs\":%lld}\n", (double)transfers * (double)length / 1048576, now_ns() - start_ns);
}

int main(int argc, char **argv) {
  int port = argc > 1 ? atoi(argv[1]) : 0;
  if (argc == 2) send_lines(port);
  else if (argc == 3) drain(port, atoi(argv[2]));
  else if (argc == 4) idle(port, atoi(argv[2]), (size_t)atol(argv[3]));
  else if (argc == 5) fetch_file(port, argv[2], argv[3], atoll(argv[4]));
  else fail("usage: client <port> [<connections to drain> | <idle connections> <bytes of a response> | <file> "
            "<request, or nothing> <ms>]; with a port alone it sends lines");
}
