// A crowd of bad clients of a server on a port of this machine, as many of each kind: some send a byte of a head about
// once a second, some a byte of a body whose announced length is the longest that is allowed, and some request large
// responses that they never read. None leaves before the server resets it, whatever it responds. They come evenly over a
// time, in turn, and slow bytes are spread evenly over each second. Prints when all are there, and after SIGTERM how many
// went in which way, and when. One thread that sleeps: it must be cheap.
#include "common.h"

enum { SLOW_HEAD, SLOW_BODY, NEVER_READS, KINDS };
static const char *const NAMES[] = {"slowHead", "slowBody", "neverReads"};
enum { PER_ADDRESS = 5000, MAX_EVENTS = 512, AT_ONCE = 64, LONGEST_BODY = 100 * 1024 * 1024 };

typedef struct {
  int fd, kind, connected, got_response, gone;
} Client;

typedef struct {
  int responses, status, gone;  // how many got a response, and the status of the last; and how many were reset
  long long first_ms, last_ms; // when, since all were there
} Tally;

static Client *clients;
static Tally tallies[KINDS];
static int poller, port, requests, total, opened, connected;
static long long dripped, here_ns;

static void left(Client *client) {
  Tally *tally = &tallies[client->kind];
  client->gone = 1;
  close(client->fd);
  long long ms = here_ns == 0 ? 0 : (now_ns() - here_ns) / 1000000;
  if (tally->gone++ == 0) tally->first_ms = ms;
  tally->last_ms = ms;
}

static void open_next(void) {
  Client *client = &clients[opened];
  client->kind = opened % KINDS;
  struct sockaddr_in server = loopback(0, port);
  int little = 4096, ethernet = 1460;
  client->fd = socket_from(1 + opened / PER_ADDRESS, SOCK_NONBLOCK);
  // The server need not keep what this end takes of a response: a bad client offers no room.
  if (client->kind == NEVER_READS) setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
  // The kernel makes room for ten segments each way, which are of 64 KiB on the loopback and of no other network: more
  // than a gigabyte for those that never read, so that the kernel would suffer instead of the server.
  setsockopt(client->fd, IPPROTO_TCP, TCP_MAXSEG, &ethernet, sizeof ethernet);
  if (connect(client->fd, (struct sockaddr *)&server, sizeof server) < 0 && errno != EINPROGRESS) fail("connect");
  control(poller, EPOLL_CTL_ADD, client->fd, EPOLLOUT, client);
  opened++;
}

static void send_text(Client *client, const char *text, size_t length) {
  ssize_t sent = send(client->fd, text, length, MSG_NOSIGNAL);
  if (sent == (ssize_t)length || (sent < 0 && errno == EAGAIN)) return;
  if (sent >= 0) fail("part of a message");
  left(client);
}

static void begin(Client *client) {
  char text[8192];
  int length = 0, room = (int)sizeof text, error = 0;
  socklen_t size = sizeof error;
  getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if ((errno = error) != 0) fail("connect");
  client->connected = 1;
  connected++;
  control(poller, EPOLL_CTL_MOD, client->fd, client->kind == NEVER_READS ? 0 : EPOLLIN, client);
  if (client->kind == SLOW_HEAD) length = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nX-Slow: ", port);
  if (client->kind == SLOW_BODY) {
    length = snprintf(text, sizeof text, "POST / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: %d\r\n\r\n", port, LONGEST_BODY);
  }
  for (int number = 0; client->kind == NEVER_READS && number < requests; number++) {
    length += snprintf(text + length, (size_t)(room - length), "GET /large HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", port);
  }
  send_text(client, text, (size_t)length);
}

/** Reads what the server sends to a slow client before it resets the connection. */
static void receive(Client *client) {
  char input[2048];
  ssize_t got = recv(client->fd, input, sizeof input - 1, 0);
  if (got < 0 && errno != EAGAIN) left(client);
  if (got == 0) control(poller, EPOLL_CTL_MOD, client->fd, 0, client); // It goes on until it is reset.
  if (got <= 0) return;
  input[got] = 0;
  int status = 0;
  if (client->got_response || sscanf(input, "HTTP/1.1 %d", &status) != 1) return;
  client->got_response = 1;
  tallies[client->kind].responses++;
  tallies[client->kind].status = status;
}

/** Sends one byte a second for each slow client; those that are not there yet, or not slow, skip their turn. */
static void drip(long long elapsed_ns) {
  for (long long due = (long long)((double)elapsed_ns / 1e9 * total); dripped < due; dripped++) {
    Client *client = &clients[dripped % total];
    if (client->kind != NEVER_READS && client->connected && !client->gone) send_text(client, "x", 1);
  }
}

static void receive_all(int wait_ms) {
  struct epoll_event events[MAX_EVENTS];
  int count = epoll_wait(poller, events, MAX_EVENTS, wait_ms);
  for (int index = 0; index < count; index++) {
    Client *client = events[index].data.ptr;
    unsigned ready = events[index].events;
    if (client->gone) continue;
    if (!client->connected) begin(client);
    else if (ready & EPOLLIN) receive(client);
    else if (ready & (EPOLLERR | EPOLLHUP)) left(client);
  }
}

static void print_tallies(void) {
  for (int kind = 0; kind < KINDS; kind++) {
    const Tally *tally = &tallies[kind];
    printf("%s\"%s\":{\"responses\":%d,\"status\":%d,\"gone\":%d,\"firstMs\":%lld,\"lastMs\":%lld}", kind == 0 ? "{" : ",",
           NAMES[kind], tally->responses, tally->status, tally->gone, tally->first_ms, tally->last_ms);
  }
  printf("}\n");
}

int main(int argc, char **argv) {
  if (argc != 5) fail("usage: crowd <port> <clients of each kind> <requests at once> <ms to come>");
  port = atoi(argv[1]);
  total = atoi(argv[2]) * KINDS;
  requests = atoi(argv[3]);
  long long come_ns = atoll(argv[4]) * 1000000LL;
  clients = allocate((size_t)total, sizeof *clients);
  if ((poller = epoll_create1(EPOLL_CLOEXEC)) < 0) fail("epoll_create1");
  end_on_signal();
  long long start_ns = now_ns();
  while (!must_end) {
    long long elapsed_ns = now_ns() - start_ns;
    int due = elapsed_ns >= come_ns ? total : (int)((double)elapsed_ns / (double)come_ns * total);
    for (int at_once = 0; opened < due && at_once < AT_ONCE; at_once++) open_next();
    drip(elapsed_ns);
    receive_all(opened < due ? 0 : 1);
    if (here_ns == 0 && connected == total) {
      here_ns = now_ns();
      say("{\"here\":%d,\"gone\":%d}\n", total, tallies[0].gone + tallies[1].gone + tallies[2].gone);
    }
  }
  print_tallies();
}
