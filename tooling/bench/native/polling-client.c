// Sends a message over each of many connections of a port of this machine, waits until all of its response is back,
// compares every byte, and sends the next, until the time is over. What is on its way then is still waited for, so that
// the messages counted are all the work that the server got. It polls and never sleeps: to wake a sleeping client is
// work of the system, some microseconds on the core of the sender, that would hide what the server itself takes, and
// that a slow server, whose client sleeps more, would pay more often than a fast one.
#include "waits.h"
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>

enum { MAX_EVENTS = 256, INPUT = 256 * 1024, MAX_PARTS = 4, SLICES = 4096 };
#define PATIENCE_NS 10000000000LL

typedef struct {
  int fd, waits_for_room, pauses;
  const char *message;
  size_t sent, got, slice;
  long long begun_ns; // or when the message was due, if a pace is kept
} Connection;

typedef struct {
  pthread_t thread;
  Connection *connections;
  int count, poller;
  Waits *waits;
} Worker;

// An echo sends slices of the same random bytes in turn, so that lost, doubled or reordered bytes do not compare, and
// expects each slice back. Over HTTP each message is `depth` requests, and the response a file, except for its variable
// parts, such as its Date, which may have any bytes.
static int is_echo;
static size_t depth = 1, length, response_length, one_response;
static struct { size_t start, end; } variable_parts[MAX_PARTS];
static int part_count;
static char *messages, *response;
static long long end_ns;
// Between two messages of a connection; 0 sends the next one as soon as the response is there. If a pace is kept, a wait
// counts from when the message was due: while a server stalls, the messages that are due wait for it too.
static long long pace_ns;

static void send_more(Worker *worker, Connection *connection) {
  while (connection->sent < length) {
    ssize_t sent = send(connection->fd, connection->message + connection->sent, length - connection->sent, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) break;
    if (sent < 0) fail("send");
    connection->sent += (size_t)sent;
  }
  int waits = connection->sent < length;
  if (waits == connection->waits_for_room) return;
  control(worker->poller, EPOLL_CTL_MOD, connection->fd, waits ? EPOLLIN | EPOLLOUT : EPOLLIN, connection);
  connection->waits_for_room = waits;
}

static void next_message(Worker *worker, Connection *connection, long long now) {
  if (is_echo) connection->slice = (connection->slice + 61) % SLICES;
  connection->message = messages + connection->slice;
  connection->sent = connection->got = 0;
  connection->begun_ns = now;
  send_more(worker, connection);
}

/** Where the part ends that starts at `at` and is all variable, or all not, as the result says. */
static int is_variable(size_t at, size_t *end) {
  *end = one_response;
  for (int index = 0; index < part_count; index++) {
    if (at < variable_parts[index].start && variable_parts[index].start < *end) *end = variable_parts[index].start;
    if (at < variable_parts[index].start || at >= variable_parts[index].end) continue;
    *end = variable_parts[index].end;
    return 1;
  }
  return 0;
}

static int is_right(const Connection *connection, const char *input, size_t got) {
  const char *expected = is_echo ? connection->message : response;
  size_t at = connection->got % one_response, end;
  while (got > 0) {
    int any = is_variable(at, &end);
    size_t count = end - at < got ? end - at : got;
    if (!any && memcmp(input, expected + at, count) != 0) return 0;
    input += count;
    got -= count;
    at = (at + count) % one_response;
  }
  return 1;
}

/** Whether the connection is done: its response is back, and the time is over. */
static int receive(Worker *worker, Connection *connection, char *input) {
  size_t most = (is_echo ? connection->sent : response_length) - connection->got;
  // One byte more than is due: an extra byte must fail the run.
  errno = 0;
  ssize_t got = recv(connection->fd, input, most + 1 < INPUT ? most + 1 : INPUT, 0);
  if (got < 0 && errno == EAGAIN) return 0;
  if (got <= 0) fail("recv");
  errno = 0;
  if ((size_t)got > most) fail("the number of bytes that came back");
  if (!is_right(connection, input, (size_t)got)) fail("the bytes that came back");
  connection->got += (size_t)got;
  if (connection->got < response_length) return 0;
  long long now = now_ns();
  add_wait(worker->waits, now - connection->begun_ns);
  if (now >= end_ns || must_end) return 1;
  if (pace_ns > 0) connection->pauses = 1;
  else next_message(worker, connection, now);
  return 0;
}

/** Sends what is due by the pace that is kept, and returns how many connections are done: the time is over. */
static int keep_pace(Worker *worker) {
  int done = 0;
  for (int index = 0; index < worker->count; index++) {
    Connection *connection = &worker->connections[index];
    long long now = now_ns(), due = connection->begun_ns + pace_ns;
    if (!connection->pauses || (now < due && now < end_ns && !must_end)) continue;
    connection->pauses = 0;
    if (now >= end_ns || must_end) done++;
    else next_message(worker, connection, due);
  }
  return done;
}

static void *work(void *argument) {
  Worker *worker = argument;
  struct epoll_event events[MAX_EVENTS];
  char *input = allocate(INPUT, 1);
  long long last_ns = now_ns(), first_ns = last_ns - pace_ns;
  for (int index = 0; index < worker->count; index++) { // All at once, or spread over the pace that is kept.
    Connection *connection = &worker->connections[index];
    connection->pauses = pace_ns > 0;
    connection->begun_ns = first_ns + pace_ns * index / worker->count;
    if (pace_ns == 0) next_message(worker, connection, now_ns());
  }
  for (int open = worker->count; open > 0;) {
    int count = epoll_wait(worker->poller, events, MAX_EVENTS, 0);
    if (count > 0) last_ns = now_ns();
    errno = 0;
    if (now_ns() - last_ns > PATIENCE_NS) fail("a response within ten seconds");
    if (count == 0) sched_yield();
    if (pace_ns > 0) open -= keep_pace(worker);
    for (int index = 0; index < count; index++) {
      Connection *connection = events[index].data.ptr;
      if (events[index].events & EPOLLOUT) send_more(worker, connection);
      if (events[index].events & ~(unsigned)EPOLLOUT) open -= receive(worker, connection, input);
    }
  }
  return NULL;
}

static void open_connections(Worker *worker, int port, int index) {
  worker->connections = allocate((size_t)worker->count, sizeof *worker->connections);
  worker->waits = allocate(1, sizeof *worker->waits);
  if ((worker->poller = epoll_create1(EPOLL_CLOEXEC)) < 0) fail("epoll_create1");
  for (int number = 0; number < worker->count; number++) {
    Connection *connection = &worker->connections[number];
    int fd = connect_to(port), on = 1;
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0) fail("setsockopt");
    if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) fail("fcntl");
    *connection = (Connection){.fd = fd, .slice = is_echo ? (size_t)(number * 131 + index) % SLICES : 0};
    control(worker->poller, EPOLL_CTL_ADD, fd, EPOLLIN, connection);
  }
}

/** Connects, works until the time is over, or if a pace is kept until SIGTERM, and prints what was done. */
static void run(int port, int connections, int threads, long long ms) {
  Worker *workers = allocate((size_t)threads, sizeof *workers);
  for (int index = 0; index < threads; index++) {
    workers[index].count = connections / threads + (index < connections % threads);
    open_connections(&workers[index], port, index);
  }
  if (pace_ns > 0) end_on_signal();
  Waits *all = allocate(1, sizeof *all);
  long long start_ns = now_ns();
  end_ns = start_ns + ms * 1000000LL;
  for (int index = 0; index < threads; index++) {
    if (pthread_create(&workers[index].thread, NULL, work, &workers[index]) != 0) fail("pthread_create");
  }
  for (int index = 0; index < threads; index++) {
    pthread_join(workers[index].thread, NULL);
    add_waits(all, workers[index].waits);
  }
  say_done(all->count * (long long)depth, now_ns() - start_ns, all);
}

static void prepare_echo(size_t bytes) {
  unsigned state = 1;
  is_echo = 1;
  length = response_length = one_response = bytes;
  messages = allocate(length + SLICES, 1);
  for (size_t at = 0; at < length + SLICES; at++) {
    state = state * 1664525u + 1013904223u;
    messages[at] = (char)(state >> 24);
  }
}

/** Reads variable parts such as `120:29,311:4`. */
static void read_variable_parts(char *text) {
  while (*text != '\0') {
    if (part_count == MAX_PARTS) fail("the number of variable parts");
    size_t start = strtoul(text, &text, 10), bytes = *text == ':' ? strtoul(text + 1, &text, 10) : 0;
    variable_parts[part_count].start = start;
    variable_parts[part_count++].end = start + bytes;
    if (bytes == 0 || start + bytes > one_response || (*text != ',' && *text != '\0')) fail("a variable part");
    if (*text == ',') text++;
  }
}

static void prepare_http(char **argv, int argc) {
  size_t one_request;
  char *request = read_file(argv[1], &one_request);
  response = read_file(argv[2], &one_response);
  depth = (size_t)atol(argv[0]);
  read_variable_parts(argv[3]);
  if (argc == 5) pace_ns = atoll(argv[4]) * 1000;
  length = depth * one_request;
  response_length = depth * one_response;
  messages = allocate(depth, one_request);
  for (size_t copy = 0; copy < depth; copy++) memcpy(messages + copy * one_request, request, one_request);
}

int main(int argc, char **argv) {
  if (argc == 6) prepare_echo((size_t)atol(argv[5]));
  else if (argc == 9 || argc == 10) prepare_http(argv + 5, argc - 5);
  else fail("usage: polling-client <port> <connections> <threads> <ms> (<bytes to echo> | <requests at once> <request file> "
            "<response file> <its variable parts, such as 120:29,311:4> [<us between two of a connection>])");
  run(atoi(argv[1]), atoi(argv[2]), atoi(argv[3]), atoll(argv[4]));
}
