// The floor: the least a process can do to answer these requests. One epoll loop, level-triggered, one recv into one
// buffer and one send per wake-up of a connection; whatever ends in CRLF CRLF is answered with the bytes of a file.
// Only the Date in them changes, once a second. It parses nothing and queues nothing, so it is no server to copy.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_EVENTS = 256, MAX_FDS = 1 << 17, INPUT = 64 * 1024, ANSWER = 4096, COPIES = 64, DATE_LENGTH = 29 };

static char input[INPUT], answers[COPIES * ANSWER];
static size_t answer_length, date_at;
static unsigned char matched[MAX_FDS]; // bytes of CRLF CRLF seen so far, per connection

static void fail(const char *what) { perror(what); exit(1); }

static void read_answer(const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) fail(path);
  answer_length = fread(answers, 1, ANSWER, file);
  fclose(file);
  char *date = memmem(answers, answer_length, "\r\nDate: ", 8);
  if (date == NULL || answer_length == ANSWER) { fprintf(stderr, "floor: not an answer with a Date\n"); exit(1); }
  date_at = (size_t)(date - answers) + 8;
}

static void write_dates(time_t now) {
  char date[DATE_LENGTH + 1];
  strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime(&now)); // the C locale: no setlocale here
  memcpy(answers + date_at, date, DATE_LENGTH);
  for (size_t copy = 1; copy < COPIES; copy++) memcpy(answers + copy * answer_length, answers, answer_length);
}

static int listen_anywhere(void) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0) fail("socket");
  if (bind(fd, (struct sockaddr *)&address, length) < 0 || listen(fd, 511) < 0) fail("listen");
  getsockname(fd, (struct sockaddr *)&address, &length);
  printf("{\"port\":%d,\"backend\":\"c\"}\n", ntohs(address.sin_port));
  fflush(stdout);
  return fd;
}

static void answer(int fd) {
  ssize_t got = recv(fd, input, INPUT, 0);
  if (got <= 0) { close(fd); return; }
  size_t requests = 0;
  unsigned char state = matched[fd];
  for (ssize_t at = 0; at < got; at++) {
    state = input[at] == "\r\n\r\n"[state] ? state + 1 : input[at] == '\r';
    if (state == 4) { state = 0; requests++; }
  }
  matched[fd] = state;
  while (requests > 0) {
    size_t batch = requests < COPIES ? requests : COPIES;
    ssize_t length = (ssize_t)(batch * answer_length);
    if (send(fd, answers, (size_t)length, MSG_NOSIGNAL) != length) { close(fd); return; }
    requests -= batch;
  }
}

int main(int argc, char **argv) {
  if (argc != 2) { fprintf(stderr, "usage: floor <file with the answer>\n"); return 2; }
  read_answer(argv[1]);
  int listener = listen_anywhere(), poller = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event events[MAX_EVENTS], interest = {.events = EPOLLIN, .data.fd = listener};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, listener, &interest) < 0) fail("epoll_ctl");
  for (time_t dated = 0;;) {
    int count = epoll_wait(poller, events, MAX_EVENTS, -1);
    time_t now = time(NULL);
    if (now != dated) write_dates(dated = now);
    for (int index = 0; index < count; index++) {
      int fd = events[index].data.fd;
      if (fd != listener) { answer(fd); continue; }
      while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (fd >= MAX_FDS) { close(fd); continue; }
        matched[fd] = 0;
        interest.data.fd = fd;
        if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &interest) < 0) fail("epoll_ctl");
      }
    }
  }
}
