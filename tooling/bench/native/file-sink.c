// Fetches a file from a port of this machine, over and over, one connection after the other, until the time is over.
// Sends a request first where there is one, and then expects a head that ends in CRLF CRLF. Compares every byte.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { INPUT = 256 * 1024, PATIENCE_S = 10 };

static char input[INPUT];
static const char *expected;
static size_t length;

static void fail(const char *what) {
  fprintf(stderr, "file-sink: %s: %s\n", what, errno == 0 ? "not what was expected" : strerror(errno));
  exit(1);
}

static long long now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void map_file(const char *path) {
  struct stat about;
  int fd = open(path, O_RDONLY);
  if (fd < 0 || fstat(fd, &about) < 0) fail(path);
  length = (size_t)about.st_size;
  expected = mmap(NULL, length, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
  if (expected == MAP_FAILED) fail("mmap");
}

static int connect_to(int port) {
  struct sockaddr_in server = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct timeval patience = {.tv_sec = PATIENCE_S};
  server.sin_port = htons((unsigned short)port);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0) fail("socket");
  if (connect(fd, (struct sockaddr *)&server, sizeof server) < 0) fail("connect");
  return fd;
}

/** How many of the bytes in `input` are head, which must end within the first ones that come. */
static size_t head_length(ssize_t got) {
  char *end = memmem(input, (size_t)got, "\r\n\r\n", 4);
  if (end == NULL || memmem(input, (size_t)got, " 200 ", 5) == NULL) fail("the head of an answer");
  return (size_t)(end - input) + 4;
}

static void fetch(int port, const char *request) {
  int fd = connect_to(port), in_head = request[0] != '\0';
  size_t asked = strlen(request), received = 0;
  if (send(fd, request, asked, MSG_NOSIGNAL) != (ssize_t)asked) fail("send");
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
  errno = 0;
  if (received != length) fail("the end of the file");
  close(fd);
}

int main(int argc, char **argv) {
  if (argc != 5) { fprintf(stderr, "usage: file-sink <port> <file> <request, or nothing> <ms>\n"); return 2; }
  map_file(argv[2]);
  long long start_ns = now_ns(), end_ns = start_ns + atoll(argv[4]) * 1000000LL, transfers = 0;
  do {
    fetch(atoi(argv[1]), argv[3]);
    transfers++;
  } while (now_ns() < end_ns);
  printf("{\"transfers\":%lld,\"bytes\":%lld,\"durationUs\":%lld}\n", transfers, transfers * (long long)length,
         (now_ns() - start_ns) / 1000);
  return 0;
}
