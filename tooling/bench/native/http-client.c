// Sends requests to a server on a port of this machine, some at once where they are pipelined, and compares every byte
// of the answers with the one that is expected, but those of its Date.
#include "polling-client.h"

enum { DATE_LENGTH = 29 };

static char *requests, *answer;
static size_t one_answer, date_at;
static int dated;

static char *read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (file == NULL || fseek(file, 0, SEEK_END) < 0) fail(path);
  *size = (size_t)ftell(file);
  rewind(file);
  char *bytes = malloc(*size);
  if (bytes == NULL || *size == 0 || fread(bytes, 1, *size, file) != *size) fail(path);
  fclose(file);
  return bytes;
}

static void choose_message(Connection *connection) { connection->message = requests; }

static size_t owed(const Connection *connection) { return answer_length - connection->got; }

static int is_right(const Connection *connection, const char *input, size_t got) {
  size_t at = connection->got % one_answer;
  while (got > 0) {
    size_t end = one_answer;
    int any = dated && at >= date_at && at < date_at + DATE_LENGTH;
    if (any) end = date_at + DATE_LENGTH;
    else if (dated && at < date_at) end = date_at;
    size_t count = end - at < got ? end - at : got;
    if (!any && memcmp(input, answer + at, count) != 0) return 0;
    input += count;
    got -= count;
    at = (at + count) % one_answer;
  }
  return 1;
}

int main(int argc, char **argv) {
  if (argc != 9 && argc != 10) {
    fprintf(stderr, "usage: http-client <port> <connections> <threads> <ms> <requests at once> <file with a request> "
                    "<file with its answer> <where in that its Date is, or -1> [<us between two of a connection>]\n");
    return 2;
  }
  size_t depth = (size_t)atol(argv[5]), one_request;
  char *request = read_file(argv[6], &one_request);
  answer = read_file(argv[7], &one_answer);
  dated = atol(argv[8]) >= 0;
  date_at = dated ? (size_t)atol(argv[8]) : 0;
  length = depth * one_request;
  answer_length = depth * one_answer;
  requests = malloc(length);
  if (requests == NULL) fail("malloc");
  for (size_t copy = 0; copy < depth; copy++) memcpy(requests + copy * one_request, request, one_request);
  if (argc == 10) pace_ns = atoll(argv[9]) * 1000;
  run(atoi(argv[1]), atoi(argv[2]), atoi(argv[3]), atoll(argv[4]));
  return 0;
}
