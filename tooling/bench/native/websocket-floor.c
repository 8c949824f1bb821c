// The floor of WebSocket servers: one epoll loop, level-triggered, that does the opening and the closing handshake,
// unmasks each message where it was received, and sends it with one send, to the connection that it came from or to all
// of them. It is no server to copy: it has no limits, checks neither UTF-8 nor the rules of RFC 6455, and knows no
// fragments, pings or extensions.
#include "common.h"
#include <stdint.h>

enum { MAX_EVENTS = 256, MAX_FDS = 1 << 17, INPUT = 256 * 1024, SHA_BYTES = 20, KEY_LENGTH = 24, LONGEST_HEAD = 14, CLOSE = 8 };

// What the kernel does not take at once is kept, and nothing more is read until it is sent.
typedef struct {
  unsigned char *frame, *rest; // the beginning of a frame that is still being received; what is still to be sent
  size_t got, capacity, at, length;
  int is_open, place;
} Connection;

static Connection connections[MAX_FDS];
static unsigned char input[INPUT];
static int open_fds[MAX_FDS], open_count, poller, is_broadcast;

static void watch(int fd, unsigned events, int operation) {
  struct epoll_event interest = {.events = events, .data.fd = fd};
  if (epoll_ctl(poller, operation, fd, &interest) < 0) fail("epoll_ctl");
}

static void drop(int fd) {
  Connection *connection = &connections[fd];
  if (connection->is_open) {
    int last = open_fds[--open_count];
    open_fds[connection->place] = last;
    connections[last].place = connection->place;
  }
  free(connection->frame);
  free(connection->rest);
  *connection = (Connection){0};
  close(fd);
}

static uint32_t rotate(uint32_t word, int bits) { return word << bits | word >> (32 - bits); }

/** SHA-1 (RFC 3174) of at most 119 bytes, which with the padding are two blocks at most. */
static void sha1(const char *text, size_t length, unsigned char *digest) {
  uint32_t state[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0}, words[80];
  unsigned char blocks[128] = {0};
  size_t total = length < 56 ? 64 : 128;
  memcpy(blocks, text, length);
  blocks[length] = 0x80;
  blocks[total - 2] = (unsigned char)(length * 8 >> 8);
  blocks[total - 1] = (unsigned char)(length * 8);
  for (const unsigned char *block = blocks; block < blocks + total; block += 64) {
    for (int at = 0; at < 16; at++) {
      const unsigned char *word = block + at * 4;
      words[at] = (uint32_t)word[0] << 24 | (uint32_t)word[1] << 16 | (uint32_t)word[2] << 8 | word[3];
    }
    for (int at = 16; at < 80; at++) words[at] = rotate(words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16], 1);
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (int at = 0; at < 80; at++) {
      uint32_t mixed = at < 20 ? (b & c) | (~b & d) : at >= 40 && at < 60 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d;
      static const uint32_t CONSTANTS[] = {0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xCA62C1D6};
      uint32_t next = rotate(a, 5) + mixed + e + words[at] + CONSTANTS[at / 20];
      e = d, d = c, c = rotate(b, 30), b = a, a = next;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e;
  }
  for (int at = 0; at < SHA_BYTES; at++) digest[at] = (unsigned char)(state[at / 4] >> (24 - at % 4 * 8));
}

/** The base64 of a digest, which is 28 characters, the last of them for padding. */
static void base64(const unsigned char *digest, char *text) {
  static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (int at = 0; at < SHA_BYTES; at += 3, text += 4) {
    unsigned last = at + 2 < SHA_BYTES ? digest[at + 2] : 0, bits = (unsigned)digest[at] << 16 | digest[at + 1] << 8 | last;
    for (int letter = 0; letter < 4; letter++) text[letter] = LETTERS[bits >> (18 - letter * 6) & 63];
  }
  memcpy(text - 1, "=", 2);
}

static void send_bytes(int fd, const unsigned char *bytes, size_t length) {
  ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
  if (sent == (ssize_t)length) return;
  if (sent < 0 && errno != EAGAIN) { drop(fd); return; }
  if (sent < 0) sent = 0;
  Connection *connection = &connections[fd];
  if (connection->rest != NULL) fail("a second message while one is still to be sent");
  connection->length = length - (size_t)sent;
  connection->rest = allocate(connection->length, 1);
  memcpy(connection->rest, bytes + sent, connection->length);
  watch(fd, EPOLLOUT, EPOLL_CTL_MOD);
}

static void send_rest(int fd) {
  Connection *connection = &connections[fd];
  ssize_t sent = send(fd, connection->rest + connection->at, connection->length - connection->at, MSG_NOSIGNAL);
  if (sent < 0) { if (errno != EAGAIN) drop(fd); return; }
  connection->at += (size_t)sent;
  if (connection->at < connection->length) return;
  free(connection->rest);
  connection->rest = NULL;
  connection->at = connection->length = 0;
  watch(fd, EPOLLIN, EPOLL_CTL_MOD);
}

/** The opening handshake of a request that came in one piece. */
static void upgrade(int fd, size_t got) {
  static const char FIELD[] = "\r\nSec-WebSocket-Key: ", GUID[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  char text[KEY_LENGTH + sizeof GUID], accept[32], head[256], *key = memmem(input, got, FIELD, sizeof FIELD - 1);
  unsigned char digest[SHA_BYTES];
  if (key == NULL || memcmp(input + got - 4, "\r\n\r\n", 4) != 0) { drop(fd); return; }
  memcpy(text, key + sizeof FIELD - 1, KEY_LENGTH);
  memcpy(text + KEY_LENGTH, GUID, sizeof GUID);
  sha1(text, strlen(text), digest);
  base64(digest, accept);
  int length = snprintf(head, sizeof head, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", accept);
  connections[fd].is_open = 1;
  connections[fd].place = open_count;
  open_fds[open_count++] = fd;
  send_bytes(fd, (unsigned char *)head, (size_t)length);
}

static void unmask(unsigned char *payload, size_t length, const unsigned char *key) {
  unsigned char twice[8];
  uint64_t mask, word;
  memcpy(twice, key, 4);
  memcpy(twice + 4, key, 4);
  memcpy(&mask, twice, 8);
  size_t at = 0;
  for (; at + 8 <= length; at += 8) {
    memcpy(&word, payload + at, 8);
    word ^= mask;
    memcpy(payload + at, &word, 8);
  }
  for (; at < length; at++) payload[at] ^= twice[at % 8];
}

/** The length of the head and mask of a frame; 0 as long as that is not received. */
static size_t head_length(const unsigned char *frame, size_t got, size_t *payload) {
  unsigned length = got < 2 ? 0 : frame[1] & 127;
  size_t extended = length == 126 ? 2 : length == 127 ? 8 : 0;
  if (got < 2 + extended + 4) return 0;
  *payload = extended == 0 ? length : 0;
  for (size_t at = 2; at < 2 + extended; at++) *payload = *payload << 8 | frame[at];
  return 2 + extended + 4;
}

/** Sends a message: its head without the mask is written over the end of the received one. */
static void send_message(int fd, unsigned char *frame, size_t head, size_t payload) {
  unsigned char bytes[10], *reply = frame + 4;
  size_t length = head - 4;
  unmask(frame + head, payload, frame + head - 4);
  memcpy(bytes, frame, length);
  bytes[1] &= 127;
  memcpy(reply, bytes, length);
  if (!is_broadcast || (frame[0] & 15) == CLOSE) { send_bytes(fd, reply, length + payload); return; }
  for (int at = open_count; at-- > 0;) send_bytes(open_fds[at], reply, length + payload);
}

/** Takes the frames that are there, and keeps the beginning of the next one, whose length may not be known yet. */
static void take(int fd, unsigned char *bytes, size_t got) {
  Connection *connection = &connections[fd];
  unsigned char *owned = connection->frame;
  connection->frame = NULL;
  while (got > 0 && connection->is_open) {
    size_t payload = 0, head = head_length(bytes, got, &payload), whole = head == 0 ? LONGEST_HEAD : head + payload;
    if (got < whole) {
      memcpy(connection->frame = allocate(whole, 1), bytes, got);
      connection->got = got;
      connection->capacity = whole;
      break;
    }
    int is_close = (bytes[0] & 15) == CLOSE;
    send_message(fd, bytes, head, payload);
    if (is_close && connection->is_open) drop(fd);
    bytes += whole;
    got -= whole;
  }
  free(owned);
}

static void receive(int fd) {
  Connection *connection = &connections[fd];
  unsigned char *into = connection->frame == NULL ? input : connection->frame + connection->got;
  size_t room = connection->frame == NULL ? INPUT : connection->capacity - connection->got;
  ssize_t got = recv(fd, into, room, 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) drop(fd);
  else if (!connection->is_open) upgrade(fd, (size_t)got);
  else if (connection->frame == NULL) take(fd, input, (size_t)got);
  else if ((connection->got += (size_t)got) == connection->capacity || connection->capacity == LONGEST_HEAD)
    take(fd, connection->frame, connection->got);
}

static int listen_here(void) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
  struct sockaddr_in address = loopback(0, 0);
  socklen_t length = sizeof address;
  if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0) fail("socket");
  if (bind(fd, (struct sockaddr *)&address, length) < 0 || listen(fd, 511) < 0) fail("listen");
  getsockname(fd, (struct sockaddr *)&address, &length);
  say("{\"port\":%d,\"backend\":\"c\"}\n", ntohs(address.sin_port));
  return fd;
}

int main(int argc, char **argv) {
  if (argc != 2) fail("usage: websocket-floor echo|broadcast");
  is_broadcast = strcmp(argv[1], "broadcast") == 0;
  int listener = listen_here();
  poller = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event events[MAX_EVENTS];
  watch(listener, EPOLLIN, EPOLL_CTL_ADD);
  for (;;) {
    int count = epoll_wait(poller, events, MAX_EVENTS, -1);
    for (int index = 0; index < count; index++) {
      int fd = events[index].data.fd;
      if (fd != listener && connections[fd].rest != NULL) send_rest(fd);
      else if (fd != listener) receive(fd);
      else while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (fd >= MAX_FDS) close(fd);
        else watch(fd, EPOLLIN, EPOLL_CTL_ADD);
      }
    }
  }
}
