// The floor of a wake-up: epoll_wait, and one call through a pointer for each event. The descriptors are those of
// loop/programs/wake-ups.mjs: listeners of Unix sockets, of which some have a connection that is never accepted.
#include "common.h"
#include <sys/un.h>

enum { MAX_EVENTS = 256, WAKE_UPS_PER_LOOK = 256 };

typedef struct Handler {
  void (*ready)(struct Handler *self, unsigned events);
  int fd;
} Handler;

static long long seen;

static void count(Handler *self, unsigned events) { (void)self, (void)events; seen++; }

static int unix_socket(void) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  return fd;
}

static int listener(void) {
  int fd = unix_socket();
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  // Only the family: the system chooses an abstract name (unix(7), autobind).
  if (bind(fd, (struct sockaddr *)&address, sizeof address.sun_family) < 0 || listen(fd, 128) < 0) fail("listen");
  return fd;
}

static void connect_to_listener(int fd) {
  struct sockaddr_un address;
  socklen_t length = sizeof address;
  if (getsockname(fd, (struct sockaddr *)&address, &length) < 0) fail("getsockname");
  if (connect(unix_socket(), (struct sockaddr *)&address, length) < 0) fail("connect");
}

static long long wake_ups_for(int poller, long long milliseconds) {
  struct epoll_event events[MAX_EVENTS];
  long long wake_ups = 0, end = now_ns() + milliseconds * 1000000LL;
  do {
    for (int look = 0; look < WAKE_UPS_PER_LOOK; look++) {
      int ready = epoll_wait(poller, events, MAX_EVENTS, -1);
      for (int index = 0; index < ready; index++) {
        Handler *handler = events[index].data.ptr;
        handler->ready(handler, events[index].events);
      }
    }
    wake_ups += WAKE_UPS_PER_LOOK;
  } while (now_ns() < end);
  return wake_ups;
}

int main(int argc, char **argv) {
  if (argc != 5) fail("usage: wake-ups <registered> <ready> <warm-up ms> <measured ms>");
  int registered = atoi(argv[1]), ready = atoi(argv[2]), poller = epoll_create1(EPOLL_CLOEXEC);
  Handler *handlers = allocate((size_t)registered, sizeof *handlers);
  if (poller < 0) fail("epoll_create1");
  for (int index = 0; index < registered; index++) {
    handlers[index] = (Handler){.ready = count, .fd = listener()};
    control(poller, EPOLL_CTL_ADD, handlers[index].fd, EPOLLIN, &handlers[index]);
  }
  for (int index = 0; index < ready; index++) connect_to_listener(handlers[index * (registered / ready)].fd);
  wake_ups_for(poller, atoll(argv[3]));
  seen = 0;
  long long before = clock_ns(CLOCK_PROCESS_CPUTIME_ID), wake_ups = wake_ups_for(poller, atoll(argv[4]));
  printf("{\"backend\":\"c\",\"count\":%lld,\"cpuNs\":%lld,\"registered\":%d,\"eventsPerWakeUp\":%.3f}\n", seen,
         clock_ns(CLOCK_PROCESS_CPUTIME_ID) - before, registered, (double)seen / (double)wake_ups);
}
