// The floor of HTTP clients: the least that a process can do. One epoll loop with one request in flight on each
// connection, one send, and one recv into one buffer for each part of a response. It parses no more than the status and
// the end of the head. See client/programs/clients.mjs for the commands on stdin.
#include "common.h"
#include <fcntl.h>
#include <limits.h>

enum { MAX_EVENTS = 256, INPUT = 64 * 1024, MAX_CONNECTIONS = 1 << 17 };

typedef struct {
  int fd, waits_for_room;
  size_t sent, got, length; // of the response; 0 before its head
} Connection;

static Connection connections[MAX_CONNECTIONS];
static char input[INPUT], *request;
static int poller, port, last_host;
static size_t request_length, down_bytes, up_bytes, origins;

/** Writes the request to a host, 0 for 127.0.0.1. */
static void write_request(int host) {
  const char *method = up_bytes > 0 ? "POST" : "GET", *address = inet_ntoa(loopback(host, 0).sin_addr);
  int length = sprintf(request, "%s / HTTP/1.1\r\nHost: %s:%d\r\n", method, address, port);
  const char *fields = "Content-Type: application/octet-stream\r\nContent-Length: %zu\r\n";
  if (up_bytes > 0) length += sprintf(request + length, fields, up_bytes);
  length += sprintf(request + length, "\r\n");
  memset(request + length, 'x', up_bytes);
  request_length = (size_t)length + up_bytes;
}

static void send_more(Connection *connection) {
  ssize_t sent = send(connection->fd, request + connection->sent, request_length - connection->sent, MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN) fail("send");
  if (sent > 0) connection->sent += (size_t)sent;
  int waits = connection->sent < request_length;
  if (waits == connection->waits_for_room) return;
  control(poller, EPOLL_CTL_MOD, connection->fd, waits ? EPOLLIN | EPOLLOUT : EPOLLIN, connection);
  connection->waits_for_room = waits;
}

/** Sends the next request, on a connection to the next origin if the scene has them. */
static void begin(Connection *connection) {
  int is_new = connection->fd == 0, on = 1;
  if (is_new) {
    struct sockaddr_in server = loopback(origins > 0 ? ++last_host : 0, port);
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(connection->fd, (struct sockaddr *)&server, sizeof server) < 0) fail("connect");
    if (fcntl(connection->fd, F_SETFL, O_NONBLOCK) < 0) fail("fcntl");
    control(poller, EPOLL_CTL_ADD, connection->fd, EPOLLIN, connection);
    if (origins > 0 || request_length == 0) write_request(last_host);
  }
  connection->sent = connection->got = connection->length = 0;
  send_more(connection);
}

/** Whether the response is complete. */
static int receive(Connection *connection) {
  errno = 0;
  ssize_t got = recv(connection->fd, input, INPUT, 0);
  if (got < 0 && errno == EAGAIN) return 0;
  if (got <= 0) fail("recv");
  if (connection->length == 0) {
    char *end = memmem(input, (size_t)got, "\r\n\r\n", 4);
    if (end == NULL || memcmp(input, "HTTP/1.1 200 ", 13) != 0) fail("the head of a response");
    connection->length = (size_t)(end - input) + 4 + down_bytes;
  }
  connection->got += (size_t)got;
  if (connection->got > connection->length) fail("the length of a response");
  return connection->got == connection->length;
}

/** Keeps requests in flight until the time is over, or so many were sent. */
static long long run(int in_flight, long long end_ns, long long most) {
  struct epoll_event events[MAX_EVENTS];
  long long begun = 0, now = 0, done = 0;
  for (int index = 0; index < in_flight && begun < most; index++, begun++) begin(&connections[index]);
  while (done < begun) {
    int count = epoll_wait(poller, events, MAX_EVENTS, -1);
    if (end_ns > 0) now = now_ns();
    for (int index = 0; index < count; index++) {
      Connection *connection = events[index].data.ptr;
      if (events[index].events & EPOLLOUT) send_more(connection);
      if (!(events[index].events & ~(unsigned)EPOLLOUT) || !receive(connection)) continue;
      done++;
      if (origins > 0) {
        close(connection->fd);
        connection->fd = 0;
      }
      if (now > end_ns || begun == most) continue;
      begin(connection);
      begun++;
    }
  }
  return done;
}

int main(int argc, char **argv) {
  char command[8];
  long long number;
  if (argc != 6) fail("usage: requester <port> <in flight> <bytes down> <bytes up> <origins>");
  port = atoi(argv[1]);
  down_bytes = (size_t)atol(argv[3]), up_bytes = (size_t)atol(argv[4]), origins = (size_t)atol(argv[5]);
  request = allocate(256 + up_bytes, 1);
  poller = epoll_create1(EPOLL_CLOEXEC);
  say("{\"backend\":\"c\"}\n");
  while (scanf("%7s %lld", command, &number) == 2) {
    long long begun_ns = now_ns(), count;
    if (strcmp(command, "open") == 0) count = run((int)number, 0, number);
    else if (origins > 0) count = run(atoi(argv[2]), 0, (long long)origins);
    else count = run(atoi(argv[2]), begun_ns + number * 1000000, LLONG_MAX);
    say("{\"count\":%lld,\"wallNs\":%lld}\n", count, now_ns() - begun_ns);
  }
}
