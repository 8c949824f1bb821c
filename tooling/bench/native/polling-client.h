// What the clients have in common that send a message over each of many connections, wait until all of its answer is
// back, and send the next, until the time is over. What is on its way then is still waited for, so that the messages
// counted are all the work the server was given. They poll and never sleep: to wake a sleeping client is work of the
// system's, some microseconds on the core of whoever sends, that would hide what the server itself takes, and that a
// slow server, whose client sleeps more, would pay more often than a fast one.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_EVENTS = 256, INPUT = 256 * 1024, BUCKET_NS = 10000, BUCKETS = 100000 };
#define PATIENCE_NS 10000000000LL

typedef struct {
  int fd, asks_out, pauses;
  const char *message;
  size_t sent, got, number; // of the message: bytes sent, bytes of its answer; and which it is, for its client
  long long begun_ns; // or when it was due, where a pace is kept
} Connection;

typedef struct {
  pthread_t thread;
  Connection *connections;
  int count, poller;
  long long messages, longest_ns;
  unsigned *waits; // how many messages took how long
} Worker;

static size_t length, answer_length; // of a message, and of what answers it
static long long end_ns;
// Between two messages of a connection; 0 for the next one as soon as the answer is there. Where a pace is kept, what
// counts is the time since a message was due: while a server stands still, those that wait their turn wait for it too.
static long long pace_ns;
static volatile sig_atomic_t told_to_end;

// Each client says what it sends next, how much more may come by now, and whether what came is right.
static void choose_message(Connection *connection);
static size_t owed(const Connection *connection);
static int is_right(const Connection *connection, const char *input, size_t got);

static void fail(const char *what) {
  fprintf(stderr, "client: %s: %s\n", what, errno == 0 ? "not what was expected" : strerror(errno));
  exit(1);
}

static long long now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void control(Worker *worker, Connection *connection, int operation, unsigned events) {
  struct epoll_event interest = {.events = events, .data.ptr = connection};
  if (epoll_ctl(worker->poller, operation, connection->fd, &interest) < 0) fail("epoll_ctl");
}

static void send_more(Worker *worker, Connection *connection) {
  while (connection->sent < length) {
    ssize_t sent = send(connection->fd, connection->message + connection->sent, length - connection->sent, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) fail("send");
    if (sent < 0) {
      if (!connection->asks_out) control(worker, connection, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
      connection->asks_out = 1;
      return;
    }
    connection->sent += (size_t)sent;
  }
  if (connection->asks_out) control(worker, connection, EPOLL_CTL_MOD, EPOLLIN);
  connection->asks_out = 0;
}

static void next_message(Worker *worker, Connection *connection, long long now) {
  choose_message(connection);
  connection->sent = connection->got = 0;
  connection->begun_ns = now;
  send_more(worker, connection);
}

/** Whether the connection is done: its answer is back, and the time is over. */
static int receive(Worker *worker, Connection *connection, char *input) {
  size_t most = owed(connection);
  // One byte more than is owed: that it comes would be a fault too.
  errno = 0;
  ssize_t got = recv(connection->fd, input, most + 1 < INPUT ? most + 1 : INPUT, 0);
  if (got < 0 && errno == EAGAIN) return 0;
  if (got <= 0) fail("recv");
  errno = 0;
  if ((size_t)got > most) fail("the number of bytes that came back");
  if (!is_right(connection, input, (size_t)got)) fail("the bytes that came back");
  connection->got += (size_t)got;
  if (connection->got < answer_length) return 0;
  long long now = now_ns(), waited = now - connection->begun_ns, bucket = waited / BUCKET_NS;
  worker->messages++;
  worker->waits[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
  if (waited > worker->longest_ns) worker->longest_ns = waited;
  if (now >= end_ns || told_to_end) return 1;
  if (pace_ns > 0) connection->pauses = 1;
  else next_message(worker, connection, now);
  return 0;
}

/** Sends what is due by the pace that is kept, and answers how many connections are done: the time is over. */
static int keep_pace(Worker *worker) {
  int done = 0;
  for (int index = 0; index < worker->count; index++) {
    Connection *connection = &worker->connections[index];
    long long now = now_ns(), due = connection->begun_ns + pace_ns;
    if (!connection->pauses || (now < due && now < end_ns && !told_to_end)) continue;
    connection->pauses = 0;
    if (now >= end_ns || told_to_end) done++;
    else next_message(worker, connection, due);
  }
  return done;
}

/** All at once, or spread over the pace that is kept. */
static void begin(Worker *worker) {
  long long now = now_ns();
  for (int index = 0; index < worker->count; index++) {
    Connection *connection = &worker->connections[index];
    connection->pauses = pace_ns > 0;
    connection->begun_ns = now - pace_ns + pace_ns * index / worker->count;
    if (pace_ns == 0) next_message(worker, connection, now_ns());
  }
}

static void tell_to_end(int number) {
  (void)number;
  told_to_end = 1;
}

static void *work(void *argument) {
  Worker *worker = argument;
  struct epoll_event events[MAX_EVENTS];
  char *input = malloc(INPUT);
  if (input == NULL) fail("malloc");
  long long heard_ns = now_ns();
  begin(worker);
  for (int open = worker->count; open > 0;) {
    int count = epoll_wait(worker->poller, events, MAX_EVENTS, 0);
    if (count > 0) heard_ns = now_ns();
    errno = 0;
    if (now_ns() - heard_ns > PATIENCE_NS) fail("an answer within ten seconds");
    if (count == 0) sched_yield();
    if (pace_ns > 0) open -= keep_pace(worker);
    for (int index = 0; index < count; index++) {
      Connection *connection = events[index].data.ptr;
      if (events[index].events & EPOLLOUT) send_more(worker, connection);
      if (events[index].events & ~(unsigned)EPOLLOUT) open -= receive(worker, connection, input);
    }
  }
  free(input);
  return NULL;
}

static int connect_to(int port) {
  struct sockaddr_in server = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  server.sin_port = htons((unsigned short)port);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
  if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0) fail("socket");
  if (connect(fd, (struct sockaddr *)&server, sizeof server) < 0) fail("connect");
  if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) fail("fcntl");
  return fd;
}

/** The time that a share of all messages did not exceed, in microseconds. */
static long long percentile_us(const Worker *workers, int threads, long long messages, double share) {
  long long passed = 0;
  for (int bucket = 0; bucket < BUCKETS; bucket++) {
    for (int index = 0; index < threads; index++) passed += workers[index].waits[bucket];
    if ((double)passed >= share * (double)messages) return (bucket + 1LL) * BUCKET_NS / 1000;
  }
  return BUCKETS * (BUCKET_NS / 1000LL);
}

/**
 * Connects, works until the time is over, or where a pace is kept until SIGTERM, and says what was done; shares of the
 * waits are rounded up to 10 us, and end at 1 s.
 */
static void run(int port, int connections, int threads, long long ms) {
  Worker *workers = calloc((size_t)threads, sizeof *workers);
  if (workers == NULL) fail("calloc");
  for (int index = 0; index < threads; index++) {
    Worker *worker = &workers[index];
    worker->count = connections / threads + (index < connections % threads);
    worker->connections = calloc((size_t)worker->count, sizeof *worker->connections);
    worker->waits = calloc(BUCKETS, sizeof *worker->waits);
    if (worker->connections == NULL || worker->waits == NULL) fail("calloc");
    if ((worker->poller = epoll_create1(EPOLL_CLOEXEC)) < 0) fail("epoll_create1");
    for (int number = 0; number < worker->count; number++) {
      Connection *connection = &worker->connections[number];
      *connection = (Connection){.fd = connect_to(port), .number = (size_t)(number * 131 + index)};
      control(worker, connection, EPOLL_CTL_ADD, EPOLLIN);
    }
  }
  struct sigaction action = {.sa_handler = tell_to_end};
  if (pace_ns > 0) sigaction(SIGTERM, &action, NULL);
  long long start_ns = now_ns(), messages = 0, longest_ns = 0;
  end_ns = start_ns + ms * 1000000LL;
  for (int index = 0; index < threads; index++) {
    if (pthread_create(&workers[index].thread, NULL, work, &workers[index]) != 0) fail("pthread_create");
  }
  for (int index = 0; index < threads; index++) {
    pthread_join(workers[index].thread, NULL);
    messages += workers[index].messages;
    if (workers[index].longest_ns > longest_ns) longest_ns = workers[index].longest_ns;
  }
  printf("{\"messages\":%lld,\"durationUs\":%lld,\"p50Us\":%lld,\"p99Us\":%lld,\"maxUs\":%lld}\n", messages,
         (now_ns() - start_ns) / 1000, percentile_us(workers, threads, messages, 0.5),
         percentile_us(workers, threads, messages, 0.99), longest_ns / 1000);
}
