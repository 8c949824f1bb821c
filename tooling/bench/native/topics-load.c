// A client of servers of topics on ports of this machine: it opens connections, subscribes them, and counts and checks
// every record that comes. It speaks plain WebSocket, landspout.topics.v1, Socket.IO over WebSocket, and event streams.
// It polls and never sleeps while it works, for the reason that polling-client.c has.
//
// A record has the data of a file, but for its number and the time of its publish: on each connection the numbers must be
// those that were published since it subscribed, each once and in order, and the rest must be the same bytes. The server
// publishes when a byte comes on its control connection: `o` for one record, `p` for a burst, `b` for many, which it
// confirms with a byte. Of several servers only the one with the control connection publishes; connections take turns
// among them.
//
// Lines on stdin are commands, and each is answered by a line:
//   open <count>                      connections, that are not subscribed unless their protocol knows no other
//   subscribe <topics> shared|own|each  each connection to the same topics, or to topics of its own; `each`: to topics that
//                                     one connection of each server has
//   run <ms>                          one burst after the other to the first topic, the next one after all connections that
//                                     are subscribed to it have the one before
//   pace <ms> <per second>            single records at an even pace, whatever has come; waits count from when each was due
//   leave <records>                   a burst, whose last cursor each connection keeps; all are closed, and so many published
//   return                            all come back with their cursors, each to the next server, and receive what they missed
//   close                             all are closed
#include "waits.h"
#include <fcntl.h>
#include <sched.h>

enum { MAX_EVENTS = 256, INPUT = 256 * 1024, PER_ADDRESS = 5000, AT_A_TIME = 256, CURSOR = 65, FRAME = 1024, SERVERS = 16 };
/** Where the number and the time are in the data, and what follows them. */
enum { NUMBER_AT = 5, NUMBER = 10, TIME_AT = 22, TIME = 16, REST_AT = 38 };
#define PATIENCE_NS 20000000000LL
#define FIRST 1000000000LL
static const unsigned char MASK[] = {0x37, 0xfa, 0x21, 0x3d};

typedef struct {
  enum { HEAD, ENGINE, NAMESPACE, OPEN } step; // what is waited for: two of them are those of Socket.IO
  enum { SIZE, DATA, AFTER_DATA } chunk; // where in the chunked body of an event stream
  int fd, index, pending, is_counted; // subscriptions that are not confirmed; whether it has what it waits for
  long long next, begun_ns, took_ns; // the number of the next record; how long coming back took
  char *rest; // the beginning of a frame or event
  size_t rest_length, rest_capacity, chunk_left;
  char cursor[CURSOR], id[CURSOR]; // that of the private session of Socket.IO
} Connection;

static enum { BARE, TOPICS, SOCKET_IO, STREAM } mode;
static struct sockaddr_in servers[SERVERS];
static Connection *connections;
static char *input, *template;
static size_t data_length;
static int all, capacity, poller, control_fd, burst, opening, is_keeping, is_returning, complete, server_count, returns;
static int receivers; // connections that are subscribed to the topic to which records are published
static long long published, delivered, received_bytes, target;
static long long paced_from, paced_start_ns, pace_ns; // the first number of records at a pace, and when it was due
static Waits *waits;

/** Fails, and says what came. */
static void fail_at(const char *what, const char *bytes, size_t length) {
  fprintf(stderr, "%s: %.*s\n", what, (int)(length > 300 ? 300 : length), bytes);
  exit(1);
}

static int starts(const char *bytes, size_t length, const char *text) {
  size_t wanted = strlen(text);
  return length >= wanted && memcmp(bytes, text, wanted) == 0;
}

/** Sends a text message. */
static void send_text(const Connection *connection, const char *text) {
  unsigned char frame[FRAME + 8];
  size_t length = strlen(text), head = length < 126 ? 2 : 4;
  frame[0] = 0x81;
  frame[1] = (unsigned char)(0x80 | (length < 126 ? length : 126));
  if (length >= 126) frame[2] = (unsigned char)(length >> 8), frame[3] = (unsigned char)length;
  memcpy(frame + head, MASK, 4);
  for (size_t at = 0; at < length; at++) frame[head + 4 + at] = (unsigned char)text[at] ^ MASK[at % 4];
  if (send(connection->fd, frame, head + 4 + length, MSG_NOSIGNAL) != (ssize_t)(head + 4 + length)) fail("send");
}

static void subscribe_to(Connection *connection, const char *topic) {
  char text[FRAME], after[CURSOR + 16] = "";
  connection->pending++;
  if (mode == SOCKET_IO) snprintf(text, FRAME, "42%d[\"sub\",\"%s\"]", connection->pending, topic);
  else {
    if (is_returning) snprintf(after, sizeof after, ",\"after\":\"%s\"", connection->cursor);
    snprintf(text, FRAME, "{\"op\":\"sub\",\"topic\":\"%s\",\"id\":%d%s}", topic, connection->pending, after);
  }
  send_text(connection, text);
}

static void send_request(const Connection *connection) {
  static const char UPGRADE[] = "Host: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
  char text[FRAME], last[CURSOR + 32] = "";
  if (is_returning) snprintf(last, sizeof last, "Last-Event-ID: %s\r\n", connection->cursor);
  if (mode == STREAM) snprintf(text, FRAME, "GET /live?topic=bench-0 HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n%s\r\n", last);
  else if (mode == SOCKET_IO) snprintf(text, FRAME, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n%s\r\n", UPGRADE);
  else snprintf(text, FRAME, "GET /live HTTP/1.1\r\n%s%s\r\n", UPGRADE, mode == TOPICS ? "Sec-WebSocket-Protocol: landspout.topics.v1\r\n" : "");
  if (send(connection->fd, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text)) fail("send");
}

static void open_connection(Connection *connection) {
  int fd = connection->fd = socket_from(connection->index / PER_ADDRESS, 0), on = 1;
  if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0) fail("setsockopt");
  connection->begun_ns = now_ns();
  connection->step = HEAD;
  connection->chunk = SIZE;
  connection->chunk_left = connection->rest_length = 0;
  connection->pending = mode == STREAM;
  connection->is_counted = 0;
  if (!is_returning) connection->next = FIRST + published;
  struct sockaddr_in *server = &servers[(connection->index + returns) % server_count];
  if (connect(fd, (struct sockaddr *)server, sizeof *server) < 0) fail("connect");
  send_request(connection);
  if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) fail("fcntl");
  control(poller, EPOLL_CTL_ADD, fd, EPOLLIN, connection);
  opening++;
}

/** Counts a connection once it has all that is waited for: its subscriptions, and what it missed. */
static void check_complete(Connection *connection) {
  if (connection->is_counted || connection->step != OPEN || connection->pending > 0) return;
  if (is_returning && connection->next < target) return;
  connection->is_counted = 1;
  complete++;
  connection->took_ns = now_ns() - connection->begun_ns;
}

static void opened(Connection *connection) {
  connection->step = OPEN;
  opening--;
  if (mode == TOPICS && is_returning) subscribe_to(connection, "bench-0");
}

static long long number_at(const char *digits, size_t count) {
  long long number = 0;
  for (size_t at = 0; at < count; at++) number = number * 10 + (digits[at] - '0');
  return number;
}

/** Copies the text between two others, the first of which may be the last one of its kind. */
static void copy_between(char *copy, const char *bytes, size_t length, const char *before, char after) {
  const char *from = memmem(bytes, length, before, strlen(before));
  const char *to = from == NULL ? NULL : memchr(from + strlen(before), after, (size_t)(bytes + length - from) - strlen(before));
  if (to == NULL || (size_t)(to - from) - strlen(before) >= CURSOR) fail_at("a cursor", bytes, length);
  from += strlen(before);
  memcpy(copy, from, (size_t)(to - from));
  copy[to - from] = 0;
}

static void keep_cursor(Connection *connection, const char *payload, size_t length, const char *after_data) {
  if (mode == TOPICS) copy_between(connection->cursor, payload, length, "\"cursor\":\"", '"');
  else if (mode == STREAM) copy_between(connection->cursor, payload, length, "id: ", '\n');
  else if (mode == SOCKET_IO) copy_between(connection->cursor, after_data, (size_t)(payload + length - after_data), ",\"", '"');
}

static void take_record(Connection *connection, const char *payload, size_t length, long long now) {
  const char *data = memmem(payload, length, "{\"n\":", NUMBER_AT);
  if (data == NULL || (size_t)(payload + length - data) < data_length) fail_at("a record", payload, length);
  if (memcmp(data + REST_AT, template + REST_AT, data_length - REST_AT) != 0) fail_at("the data of a record", payload, length);
  long long number = number_at(data + NUMBER_AT, NUMBER);
  if (number != connection->next) {
    fprintf(stderr, "record %lld came in place of %lld\n", number - FIRST, connection->next - FIRST);
    exit(1);
  }
  connection->next++;
  delivered++;
  if (is_keeping) keep_cursor(connection, payload, length, data + data_length);
  if (is_returning) return;
  long long since_ns = pace_ns > 0 ? paced_start_ns + (number - paced_from) * pace_ns : number_at(data + TIME_AT, TIME) * 1000;
  add_wait(waits, now - since_ns);
}

/** A message of Engine.IO. */
static void take_packet(Connection *connection, const char *payload, size_t length, long long now) {
  char text[FRAME], id[CURSOR];
  if (starts(payload, length, "42[")) take_record(connection, payload, length, now);
  else if (starts(payload, length, "43") && connection->pending > 0) connection->pending--;
  else if (length == 1 && payload[0] == '2') send_text(connection, "3");
  else if (connection->step == ENGINE && starts(payload, length, "0{")) {
    snprintf(text, FRAME, is_returning ? "40{\"pid\":\"%s\",\"offset\":\"%s\"}" : "40", connection->id, connection->cursor);
    send_text(connection, text);
    connection->step = NAMESPACE;
  } else if (connection->step == NAMESPACE && starts(payload, length, "40{")) {
    copy_between(id, payload, length, "\"pid\":\"", '"');
    if (is_returning && strcmp(id, connection->id) != 0) fail_at("the session was not recovered", payload, length);
    strcpy(connection->id, id);
    opened(connection);
  } else fail_at("a packet of Socket.IO", payload, length);
}

static void take_message(Connection *connection, const char *payload, size_t length, long long now) {
  if (mode == SOCKET_IO) take_packet(connection, payload, length, now);
  else if (starts(payload, length, "{\"op\":\"msg\"")) take_record(connection, payload, length, now);
  else if (starts(payload, length, "{\"op\":\"pos\"") && connection->pending > 0) connection->pending--;
  else if (!starts(payload, length, "{\"op\":\"ok\"")) fail_at("a frame", payload, length);
}

static void take_event(Connection *connection, const char *event, size_t length, long long now) {
  if (starts(event, length, ":") || starts(event, length, "retry:")) return;
  if (!starts(event, length, "id: ")) fail_at("an event", event, length);
  if (memmem(event, length, "\ndata: ", 7) != NULL) take_record(connection, event, length, now);
  else if (connection->pending > 0) connection->pending--;
  else fail_at("an event without data", event, length);
}

/** Takes whole frames or events; the number of bytes that they have. */
static size_t take_all(Connection *connection, const char *bytes, size_t length, long long now) {
  size_t at = 0;
  while (mode == STREAM) {
    const char *end = memmem(bytes + at, length - at, "\n\n", 2);
    if (end == NULL) return at;
    take_event(connection, bytes + at, (size_t)(end - bytes) - at + 1, now);
    at = (size_t)(end - bytes) + 2;
  }
  while (length - at >= 2) {
    const unsigned char *frame = (const unsigned char *)bytes + at;
    size_t head = frame[1] < 126 ? 2 : 4, payload = frame[1];
    if (frame[0] != 0x81 || frame[1] > 126) fail_at("a text frame without a mask", bytes + at, length - at);
    if (length - at < head) break;
    if (head == 4) payload = (size_t)frame[2] << 8 | frame[3];
    if (length - at < head + payload) break;
    take_message(connection, bytes + at + head, payload, now);
    at += head + payload;
  }
  return at;
}

/** Takes the chunks out of a part of a body, in place; the number of bytes that are left. */
static size_t without_chunks(Connection *connection, char *bytes, size_t length) {
  size_t kept = 0;
  for (size_t at = 0; at < length;) {
    if (connection->chunk == DATA) {
      size_t here = connection->chunk_left < length - at ? connection->chunk_left : length - at;
      memmove(bytes + kept, bytes + at, here);
      kept += here;
      at += here;
      if ((connection->chunk_left -= here) == 0) connection->chunk = AFTER_DATA;
      continue;
    }
    char byte = bytes[at++];
    if (connection->chunk == AFTER_DATA) {
      if (byte == '\n') connection->chunk = SIZE;
    } else if (byte == '\n') {
      if (connection->chunk_left == 0) fail("an event stream that goes on");
      connection->chunk = DATA;
    } else if (byte != '\r')
      connection->chunk_left = connection->chunk_left * 16 + (size_t)(byte <= '9' ? byte - '0' : (byte | 32) - 'a' + 10);
  }
  return kept;
}

static void keep_rest(Connection *connection, const char *bytes, size_t length) {
  if (connection->rest_capacity < connection->rest_length + length) {
    connection->rest_capacity = (connection->rest_length + length) * 2;
    connection->rest = realloc(connection->rest, connection->rest_capacity);
    if (connection->rest == NULL) fail("realloc");
  }
  memcpy(connection->rest + connection->rest_length, bytes, length);
  connection->rest_length += length;
}

/** The head of the response; the bytes after it, if it is complete. */
static size_t take_head(Connection *connection, char *bytes, size_t length) {
  keep_rest(connection, bytes, length);
  char *end = memmem(connection->rest, connection->rest_length, "\r\n\r\n", 4);
  if (end == NULL) return 0;
  size_t head = (size_t)(end - connection->rest) + 4, left = connection->rest_length - head;
  if (!starts(connection->rest, head, mode == STREAM ? "HTTP/1.1 200 " : "HTTP/1.1 101 ")) fail_at("the status", connection->rest, head);
  int is_chunked = memmem(connection->rest, head, "chunked", 7) != NULL;
  if (mode == STREAM && !is_chunked) fail_at("a chunked body", connection->rest, head);
  memcpy(bytes, connection->rest + head, left);
  connection->rest_length = 0;
  connection->step = ENGINE;
  if (mode != SOCKET_IO) opened(connection);
  return left;
}

static void receive(Connection *connection) {
  ssize_t got = recv(connection->fd, input, INPUT, 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) fail("recv");
  errno = 0;
  long long now = now_ns();
  size_t length = (size_t)got;
  received_bytes += got;
  if (connection->step == HEAD) length = take_head(connection, input, length);
  if (mode == STREAM && connection->step == OPEN) length = without_chunks(connection, input, length);
  if (connection->rest_length > 0 && connection->step != HEAD) {
    keep_rest(connection, input, length);
    size_t taken = take_all(connection, connection->rest, connection->rest_length, now);
    connection->rest_length -= taken;
    memmove(connection->rest, connection->rest + taken, connection->rest_length);
  } else if (connection->step != HEAD) {
    size_t taken = take_all(connection, input, length, now);
    keep_rest(connection, input + taken, length - taken);
  }
  check_complete(connection);
}

static long long last_ns;

/** Takes what has come. */
static void turn(const char *waited_for) {
  struct epoll_event events[MAX_EVENTS];
  int count = epoll_wait(poller, events, MAX_EVENTS, 0);
  if (count > 0) last_ns = now_ns();
  errno = 0;
  if (now_ns() - last_ns > PATIENCE_NS) fail(waited_for);
  if (count == 0) sched_yield();
  for (int index = 0; index < count; index++) receive(events[index].data.ptr);
}

static void order(char what) {
  if (send(control_fd, &what, 1, MSG_NOSIGNAL) != 1) fail("send on the control connection");
}

/** Opens connections, so many at a time, until each has what it waits for. */
static void open_from(int first) {
  complete = first;
  last_ns = now_ns();
  for (int next = first; complete < all;) {
    while (next < all && opening < AT_A_TIME) open_connection(&connections[next++]);
    turn("an opened connection within twenty seconds");
  }
}

static void close_all(void) {
  for (int index = 0; index < all; index++) close(connections[index].fd);
}

static void add_connections(int count) {
  int first = all;
  receivers = all += count;
  if (all > capacity) fail("more connections than were announced");
  for (int index = first; index < all; index++) connections[index].index = index;
  open_from(first);
}

static void subscribe(int topics, char which) {
  char topic[64];
  if (mode == BARE || mode == STREAM) return;
  complete = 0;
  receivers = which == 'o' ? 0 : which == 'e' && server_count < all ? server_count : all;
  last_ns = now_ns();
  for (int index = 0; index < all; index++) {
    Connection *connection = &connections[index];
    connection->is_counted = 0;
    for (int at = 0; at < topics; at++) {
      if (which == 'o') snprintf(topic, sizeof topic, "own-%d-%d", index, at);
      else if (which == 'e') snprintf(topic, sizeof topic, "bench-%d", index / server_count * topics + at);
      else snprintf(topic, sizeof topic, "bench-%d", at);
      subscribe_to(connection, topic);
    }
    while (index + 1 - complete >= AT_A_TIME) turn("a confirmed subscription within twenty seconds");
  }
  while (complete < all) turn("a confirmed subscription within twenty seconds");
}

static void publish_burst(void) {
  target = delivered + (long long)burst * receivers;
  published += burst;
  last_ns = now_ns();
  order('p');
  while (delivered < target) turn("every record within twenty seconds");
}

/** Prints what was done since then; the bytes are those that one record has on the wire. */
static void say_counts(long long count, long long wall_ns, long long bytes, long long p50_us, long long p99_us) {
  say("{\"count\":%lld,\"wallNs\":%lld,\"p50Us\":%lld,\"p99Us\":%lld,\"bytes\":%.1f}\n", count, wall_ns, p50_us, p99_us,
      (double)bytes / (double)count);
}

static void run(long long ms) {
  long long start_ns = now_ns(), before = delivered, bytes = received_bytes;
  memset(waits, 0, sizeof *waits);
  while (now_ns() < start_ns + ms * 1000000LL) publish_burst();
  say_counts(delivered - before, now_ns() - start_ns, received_bytes - bytes, percentile_us(waits, 0.5), percentile_us(waits, 0.99));
}

static void pace(long long ms, int per_second) {
  long long count = ms * per_second / 1000, sent = 0, before = delivered, bytes = received_bytes;
  memset(waits, 0, sizeof *waits);
  paced_from = FIRST + published;
  paced_start_ns = last_ns = now_ns();
  pace_ns = 1000000000LL / per_second;
  target = delivered + count * receivers;
  while (sent < count || delivered < target) {
    for (; sent < count && now_ns() >= paced_start_ns + sent * pace_ns; sent++) published++, order('o');
    turn("every record within twenty seconds");
  }
  say_counts(delivered - before, now_ns() - paced_start_ns, received_bytes - bytes, percentile_us(waits, 0.5),
             percentile_us(waits, 0.99));
  pace_ns = 0;
}

static void leave(int records) {
  char done;
  is_keeping = 1;
  publish_burst();
  is_keeping = 0;
  close_all();
  usleep(500000); // The server must have noticed.
  order('b');
  if (recv(control_fd, &done, 1, 0) != 1) fail("the control connection");
  published += records;
  say("{}\n");
}

static int compare_times(const void *one, const void *other) {
  long long a = ((const Connection *)one)->took_ns, b = ((const Connection *)other)->took_ns;
  return (a > b) - (a < b);
}

/** The times are those of connections, and may be longer than waits count. */
static void come_back(void) {
  long long start_ns = now_ns(), before = delivered, bytes = received_bytes;
  is_returning = 1;
  returns++;
  target = FIRST + published;
  open_from(0);
  is_returning = 0;
  long long wall_ns = now_ns() - start_ns;
  Connection *sorted = allocate((size_t)all, sizeof *sorted);
  memcpy(sorted, connections, (size_t)all * sizeof *sorted);
  qsort(sorted, (size_t)all, sizeof *sorted, compare_times);
  long long p50_us = sorted[(all - 1) / 2].took_ns / 1000, p99_us = sorted[(all - 1) * 99 / 100].took_ns / 1000;
  free(sorted);
  say_counts(delivered - before, wall_ns, received_bytes - bytes, p50_us, p99_us);
}

/** Reads ports such as 8001,8002. */
static void set_servers(char *ports) {
  for (char *port = strtok(ports, ","); port != NULL; port = strtok(NULL, ",")) {
    if (server_count == SERVERS) fail("at most 16 servers");
    servers[server_count++] = loopback(0, atoi(port));
  }
}

int main(int argc, char **argv) {
  static const char *const MODES[] = {"bare", "topics", "socket.io", "stream"};
  while (argc == 7 && mode < 4 && strcmp(argv[3], MODES[mode]) != 0) mode++;
  if (argc != 7 || mode == 4)
    fail("usage: topics-load <ports> <control port> bare|topics|socket.io|stream <most connections> <burst> <file of the data>");
  char line[64], which[8];
  int count, rate, on = 1;
  set_servers(argv[1]);
  control_fd = connect_to(atoi(argv[2]));
  // An order must not wait for the acknowledgement of the one before.
  if (setsockopt(control_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0) fail("setsockopt");
  capacity = atoi(argv[4]);
  burst = atoi(argv[5]);
  template = read_file(argv[6], &data_length);
  connections = allocate((size_t)capacity, sizeof *connections);
  input = allocate(INPUT, 1);
  waits = allocate(1, sizeof *waits);
  if ((poller = epoll_create1(EPOLL_CLOEXEC)) < 0) fail("epoll_create1");
  while (fgets(line, sizeof line, stdin) != NULL) {
    if (sscanf(line, "open %d", &count) == 1) add_connections(count), say("{}\n");
    else if (sscanf(line, "subscribe %d %7s", &count, which) == 2) subscribe(count, which[0]), say("{}\n");
    else if (sscanf(line, "run %d", &count) == 1) run(count);
    else if (sscanf(line, "pace %d %d", &count, &rate) == 2) pace(count, rate);
    else if (sscanf(line, "leave %d", &count) == 1) leave(count);
    else if (strcmp(line, "return\n") == 0) come_back();
    else if (strcmp(line, "close\n") == 0) close_all(), all = 0, say("{}\n");
    else fail("a command");
  }
  return 0;
}
