/* Sockets, except for their bytes: opening, addresses, connecting, options. Each function is one system call. */
#include "addresses.h"

#include <limits.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

static int64_t open_socket(Call *call) {
  int64_t domain, type;
  if (!read_integer(call, 0, 0, INT_MAX, "domain", &domain)) return THROWN;
  if (!read_integer(call, 1, 0, 15, "type", &type)) return THROWN; /* no flags: the two below are always set */
  int fd = socket((int)domain, (int)type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  return fd == -1 ? -errno : slot_take_or_close(call->state, fd, 0);
}

static int64_t bind_inet(Call *call) {
  Address address;
  int64_t refusal = read_inet_address(call, 2, &address);
  return refusal != 0 ? refusal : or_errno(bind(fd_of(call), &address.any, address.length));
}

static int64_t bind_unix(Call *call) {
  Address address;
  int64_t refusal = read_unix_address(call, 2, &address);
  return refusal != 0 ? refusal : or_errno(bind(fd_of(call), &address.any, address.length));
}

static int64_t listen_on(Call *call) {
  int64_t backlog;
  if (!read_integer(call, 2, 0, INT_MAX, "backlog", &backlog)) return THROWN;
  return or_errno(listen(fd_of(call), (int)backlog));
}

static int64_t accept_from(Call *call) {
  Slot *listener = &call->state->slots[call->slot];
  int64_t refusal = never_block(listener); /* an inherited listener in blocking mode would block the thread */
  if (refusal != 0) return refusal;
  struct sockaddr_in6 peer;
  socklen_t length = sizeof peer;
  int fd;
  peer.sin6_family = AF_UNSPEC;
  RETRY(fd, accept4(listener->fd, (struct sockaddr *)&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (fd == -1) return -errno;
  bool inet = peer.sin6_family == AF_INET || peer.sin6_family == AF_INET6;
  int32_t accepted = slot_take_or_close(call->state, fd, inet ? SLOT_PEER_KNOWN : 0); /* may move the table */
  if (accepted >= 0 && inet) call->state->slots[accepted].peer = peer;
  return accepted;
}

static int64_t connect_to(const Call *call, const Address *address) {
  Slot *slot = &call->state->slots[call->slot];
  int64_t refusal = never_block(slot);
  return refusal != 0 ? refusal : or_errno(connect(slot->fd, &address->any, address->length));
}

static int64_t connect_inet(Call *call) {
  Address address;
  int64_t refusal = read_inet_address(call, 2, &address);
  return refusal != 0 ? refusal : connect_to(call, &address);
}

static int64_t connect_unix(Call *call) {
  Address address;
  int64_t refusal = read_unix_address(call, 2, &address);
  return refusal != 0 ? refusal : connect_to(call, &address);
}

/* Uses a socket of its own, which is closed again: such datagrams are rare. Never waits: a full receiver is -EAGAIN. */
static int64_t send_unix_datagram(Call *call) {
  Address address;
  uint8_t *bytes;
  size_t length;
  ssize_t sent;
  int64_t refusal = read_unix_address(call, 0, &address);
  if (refusal != 0) return refusal;
  if (!read_bytes(call, call->argv[1], &bytes, &length)) return THROWN;
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd == -1) return -errno;
  RETRY(sent, sendto(fd, bytes, length, MSG_NOSIGNAL, &address.any, address.length));
  int64_t result = or_errno(sent);
  close(fd);
  return result;
}

static int64_t shutdown_slot(Call *call) {
  int64_t how;
  if (!read_integer(call, 2, 0, 2, "how", &how)) return THROWN;
  return or_errno(shutdown(fd_of(call), (int)how));
}

/* The number of an option in constants.options is its index in this array. */
enum { OPTION_ERROR, OPTION_LINGER_ZERO = OPTION_COUNT - 1 };
const OptionName OPTION_NAMES[OPTION_COUNT] = {
    {"ERROR", SOL_SOCKET, SO_ERROR},         {"NODELAY", IPPROTO_TCP, TCP_NODELAY},
    {"REUSEADDR", SOL_SOCKET, SO_REUSEADDR}, {"REUSEPORT", SOL_SOCKET, SO_REUSEPORT},
    {"V6ONLY", IPPROTO_IPV6, IPV6_V6ONLY},   {"KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE},
    {"RCVBUF", SOL_SOCKET, SO_RCVBUF},       {"SNDBUF", SOL_SOCKET, SO_SNDBUF},
    {"LINGER_ZERO", SOL_SOCKET, SO_LINGER},
};

static int64_t set_option(Call *call) {
  int64_t option, value;
  if (!read_integer(call, 2, OPTION_ERROR + 1, OPTION_COUNT - 1, "option", &option)) return THROWN;
  if (!read_integer(call, 3, 0, INT_MAX, "value", &value)) return THROWN;
  const OptionName *name = &OPTION_NAMES[option];
  int number = (int)value;
  struct linger linger = {.l_onoff = number != 0, .l_linger = 0};
  bool lingers = option == OPTION_LINGER_ZERO;
  const void *data = lingers ? (const void *)&linger : (const void *)&number;
  return or_errno(setsockopt(fd_of(call), name->level, name->number, data, lingers ? sizeof linger : sizeof number));
}

static int64_t get_option(Call *call) {
  int64_t option;
  if (!read_integer(call, 2, 0, OPTION_COUNT - 1, "option", &option)) return THROWN;
  union {
    int number;
    struct linger linger;
  } value = {.linger = {0, 0}};
  socklen_t size = sizeof value;
  const OptionName *name = &OPTION_NAMES[option];
  if (getsockopt(fd_of(call), name->level, name->number, &value, &size) == -1) return -errno;
  if (option == OPTION_LINGER_ZERO) return value.linger.l_onoff != 0 && value.linger.l_linger == 0;
  return value.number;
}

static int64_t local_address(Call *call) {
  Address address = {.length = sizeof address.local};
  if (getsockname(fd_of(call), &address.any, &address.length) == -1) return -errno;
  return answer_address(call, &address);
}

static int64_t peer_address(Call *call) {
  Address address = {.length = sizeof address.local};
  const Slot *slot = &call->state->slots[call->slot];
  if ((slot->flags & SLOT_PEER_KNOWN) != 0) {
    memcpy(&address.inet6, &slot->peer, sizeof slot->peer);
  } else if (getpeername(slot->fd, &address.any, &address.length) == -1) {
    return -errno;
  }
  return answer_address(call, &address);
}

const Export SOCKET_EXPORTS[] = {
    {"socket", open_socket, ANY}, {"bindInet", bind_inet, SLOT}, {"bindUnix", bind_unix, SLOT},
    {"listen", listen_on, SLOT}, {"accept", accept_from, SLOT}, {"connectInet", connect_inet, SLOT},
    {"connectUnix", connect_unix, SLOT}, {"sendUnixDatagram", send_unix_datagram, ANY},
    {"shutdown", shutdown_slot, SLOT}, {"setOption", set_option, SLOT}, {"getOption", get_option, SLOT},
    {"localAddress", local_address, SLOT}, {"peerAddress", peer_address, SLOT}, {NULL, NULL, ANY},
};
