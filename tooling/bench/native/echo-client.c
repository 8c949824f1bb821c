// Sends messages to an echo on a port of this machine, and compares what comes back with what it sent.
#include "polling-client.h"

// Each message is another slice of the same random bytes: what is lost, doubled or out of order does not compare.
enum { SLICES = 4096 };

static char *pattern;

static void choose_message(Connection *connection) {
  connection->number = (connection->number + 61) % SLICES;
  connection->message = pattern + connection->number;
}

static size_t owed(const Connection *connection) { return connection->sent - connection->got; }

static int is_right(const Connection *connection, const char *input, size_t got) {
  return memcmp(input, connection->message + connection->got, got) == 0;
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
  length = answer_length = (size_t)atol(argv[4]);
  make_pattern();
  run(atoi(argv[1]), atoi(argv[2]), atoi(argv[3]), atoll(argv[5]));
  return 0;
}
