// A crowd of bad clients of a server on a port of this machine, as many of each kind: some send a byte of a head about
// once a second, some a byte of a body that is announced as long as it may be, and some ask for large answers that they
// never read. None leaves before the server makes it: told by an answer or by the end of input, it goes on until it is
// reset. They come evenly over a time, in turn, and slow bytes are spread evenly over each second. Says when all are
// there, and, when it is told to end, how many went in which way, and when. One thread that sleeps: it must be cheap.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SLOW_HEAD, SLOW_BODY, NEVER_READS, KINDS };
static const char *const NAMES[] = {"slowHead", "slowBody", "neverReads"};
enum { PER_ADDRESS = 5000, MAX_EVENTS = 512, AT_ONCE = 64, LONGEST_BODY = 100 * 1024 * 1024 };

typedef struct {
  int fd, kind, connected, told, gone;
} Client;

typedef struct {
  int answered, status, gone; // told by an answer, and the last of those; and made to go
  long long first_ms, last_ms; // to go, since all were there
} Tally;

static Client *clients;
static Tally tallies[KINDS];
static int poller, port, asks, total, opened, connected;
static long long dripped, here_ns;
static volatile sig_atomic_t told_to_end;

static void tell_to_end(int number) {
  (void)number;
  told_to_end = 1;
}

static void fail(const char *what) {
  fprintf(stderr, "crowd: %s: %s\n", what, strerror(errno));
  exit(1);
}

static long long now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void control(Client *client, int operation, unsigned events) {
  struct epoll_event interest = {.events = events, .data.ptr = client};
  if (epoll_ctl(poller, operation, client->fd, &interest) < 0) fail("epoll_ctl");
}

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
  struct sockaddr_in server = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct sockaddr_in own = {.sin_family = AF_INET};
  own.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + (in_addr_t)(opened / PER_ADDRESS));
  server.sin_port = htons((unsigned short)port);
  int on = 1, little = 4096, ethernet = 1460;
  struct linger abrupt = {.l_onoff = 1}; // Closing resets: no port is left in TIME_WAIT for the next row.
  client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (client->fd < 0) fail("socket");
  setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &abrupt, sizeof abrupt);
  setsockopt(client->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  // What the system takes of an answer at this end the server need not keep: a bad client offers no room.
  if (client->kind == NEVER_READS) setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
  // The system makes room for ten segments each way, which are of 64 KiB on the loopback and of no other network: more
  // than a gigabyte for those that never read, so that it would be the one to suffer, and not the server.
  setsockopt(client->fd, IPPROTO_TCP, TCP_MAXSEG, &ethernet, sizeof ethernet);
  if (bind(client->fd, (struct sockaddr *)&own, sizeof own) < 0) fail("bind");
  if (connect(client->fd, (struct sockaddr *)&server, sizeof server) < 0 && errno != EINPROGRESS) fail("connect");
  control(client, EPOLL_CTL_ADD, EPOLLOUT);
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
  int length = 0, room = (int)sizeof text;
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if ((errno = error) != 0) fail("connect");
  client->connected = 1;
  connected++;
  control(client, EPOLL_CTL_MOD, client->kind == NEVER_READS ? 0 : EPOLLIN);
  if (client->kind == SLOW_HEAD) length = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nX-Slow: ", port);
  if (client->kind == SLOW_BODY) {
    length = snprintf(text, sizeof text, "POST / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: %d\r\n\r\n", port, LONGEST_BODY);
  }
  for (int ask = 0; client->kind == NEVER_READS && ask < asks; ask++) {
    length += snprintf(text + length, (size_t)(room - length), "GET /large HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", port);
  }
  send_text(client, text, (size_t)length);
}

/** What the server says to a slow one before it makes it go. */
static void hear(Client *client) {
  char input[2048];
  ssize_t got = recv(client->fd, input, sizeof input - 1, 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got < 0) {
    left(client);
    return;
  }
  if (got == 0) {
    control(client, EPOLL_CTL_MOD, 0); // It goes on, and hears of its reset alone.
    return;
  }
  input[got] = 0;
  int status = 0;
  if (client->told || sscanf(input, "HTTP/1.1 %d", &status) != 1) return;
  client->told = 1;
  tallies[client->kind].answered++;
  tallies[client->kind].status = status;
}

static void drip(long long elapsed_ns) {
  // One byte a second for each slow one; those that are not there yet, or not slow, take their turn in silence.
  for (long long due = (long long)((double)elapsed_ns / 1e9 * total); dripped < due; dripped++) {
    Client *client = &clients[dripped % total];
    if (client->kind != NEVER_READS && client->connected && !client->gone) send_text(client, "x", 1);
  }
}

static void hear_all(int wait_ms) {
  struct epoll_event events[MAX_EVENTS];
  int count = epoll_wait(poller, events, MAX_EVENTS, wait_ms);
  for (int index = 0; index < count; index++) {
    Client *client = events[index].data.ptr;
    unsigned ready = events[index].events;
    if (client->gone) continue;
    if (!client->connected) begin(client);
    else if (ready & EPOLLIN) hear(client);
    else if (ready & (EPOLLERR | EPOLLHUP)) left(client);
  }
}

static void tell_how(void) {
  for (int kind = 0; kind < KINDS; kind++) {
    const Tally *tally = &tallies[kind];
    printf("%s\"%s\":{\"answered\":%d,\"status\":%d,\"gone\":%d,\"firstMs\":%lld,\"lastMs\":%lld}", kind == 0 ? "{" : ",",
           NAMES[kind], tally->answered, tally->status, tally->gone, tally->first_ms, tally->last_ms);
  }
  printf("}\n");
  fflush(stdout);
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: crowd <port> <clients of each kind> <answers that are asked for at once> <ms to come>\n");
    return 2;
  }
  port = atoi(argv[1]);
  total = atoi(argv[2]) * KINDS;
  asks = atoi(argv[3]);
  long long come_ns = atoll(argv[4]) * 1000000LL;
  clients = calloc((size_t)total, sizeof *clients);
  if (clients == NULL || (poller = epoll_create1(EPOLL_CLOEXEC)) < 0) fail("epoll_create1");
  struct sigaction action = {.sa_handler = tell_to_end};
  sigaction(SIGTERM, &action, NULL);
  long long start_ns = now_ns();
  while (!told_to_end) {
    long long elapsed_ns = now_ns() - start_ns;
    int due = elapsed_ns >= come_ns ? total : (int)((double)elapsed_ns / (double)come_ns * total);
    for (int at_once = 0; opened < due && at_once < AT_ONCE; at_once++) open_next();
    drip(elapsed_ns);
    hear_all(opened < due ? 0 : 1);
    if (here_ns == 0 && connected == total) {
      here_ns = now_ns();
      printf("{\"here\":%d,\"gone\":%d}\n", total, tallies[0].gone + tallies[1].gone + tallies[2].gone);
      fflush(stdout);
    }
  }
  tell_how();
  return 0;
}
