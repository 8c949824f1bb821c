/* Converts socket addresses from text to binary and back. Names are never resolved. */
#include "addresses.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The scope id after the % of fe80::1%eth0 or fe80::1%2; 0 if it names no interface. */
static uint32_t scope_from_text(const char *text) {
  uint32_t scope = if_nametoindex(text);
  if (scope != 0 || *text < '0' || *text > '9') return scope;
  char *end;
  unsigned long number = strtoul(text, &end, 10);
  return *end == '\0' && number <= UINT32_MAX ? (uint32_t)number : 0;
}

static bool inet_from_text(int family, char *text, uint16_t port, Address *address) {
  memset(address, 0, sizeof *address);
  if (family == AF_INET) {
    address->length = sizeof address->inet;
    address->inet.sin_family = AF_INET;
    address->inet.sin_port = htons(port);
    return inet_pton(AF_INET, text, &address->inet.sin_addr) == 1;
  }
  address->length = sizeof address->inet6;
  address->inet6.sin6_family = AF_INET6;
  address->inet6.sin6_port = htons(port);
  char *percent = strchr(text, '%');
  if (percent != NULL) {
    *percent = '\0';
    address->inet6.sin6_scope_id = scope_from_text(percent + 1);
    if (address->inet6.sin6_scope_id == 0) return false;
  }
  return inet_pton(AF_INET6, text, &address->inet6.sin6_addr) == 1;
}

int64_t read_inet_address(const Call *call, size_t at, Address *address) {
  char text[INET6_ADDRSTRLEN + 1 + IF_NAMESIZE];
  size_t length;
  int64_t port;
  int family;
  socklen_t size = sizeof family;
  if (!read_integer(call, at + 1, 0, 65535, "port", &port)) return THROWN;
  if (napi_get_value_string_latin1(call->env, call->argv[at], text, sizeof text, &length) != napi_ok) {
    return throw_bad_argument(call, "address must be a string");
  }
  if (getsockopt(fd_of(call), SOL_SOCKET, SO_DOMAIN, &family, &size) == -1) return -errno;
  if (family != AF_INET && family != AF_INET6) return -EAFNOSUPPORT;
  /* Refuses text that fills the buffer, since it was cut off, and text with a NUL inside, since only the part before
     the NUL would be read. */
  if (length + 1 < sizeof text && strlen(text) == length && inet_from_text(family, text, (uint16_t)port, address)) {
    return 0;
  }
  return throw_bad_argument(call, family == AF_INET ? "address must be a numeric IPv4 address"
                                                    : "address must be a numeric IPv6 address");
}

int64_t read_unix_address(const Call *call, size_t at, Address *address) {
  char text[sizeof address->local.sun_path + 1];
  size_t length;
  memset(address, 0, sizeof *address);
  if (napi_get_value_string_utf8(call->env, call->argv[at], NULL, 0, &length) != napi_ok || length == 0) {
    return throw_bad_argument(call, "path must be a string of at least one character");
  }
  if (length >= sizeof address->local.sun_path) return -ENAMETOOLONG;
  if (napi_get_value_string_utf8(call->env, call->argv[at], text, sizeof text, &length) != napi_ok) return THROWN;
  bool abstract = text[0] == '\0'; /* Linux: a name outside the file system; NULs are ordinary bytes in it */
  if (!abstract && strlen(text) != length) {
    return throw_bad_argument(call, "path must not contain NUL, unless it starts with it");
  }
  address->local.sun_family = AF_UNIX;
  memcpy(address->local.sun_path, text, length);
  address->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (abstract ? 0 : 1));
  return 0;
}

/* Returns [address, port, family] or, if family is 0, [path]. */
static int64_t answer_array(Call *call, const char *text, size_t length, uint16_t port, int family) {
  napi_env env = call->env;
  napi_value parts[3];
  uint32_t count = family == 0 ? 1 : 3;
  if (napi_create_string_utf8(env, text, length, &parts[0]) != napi_ok ||
      napi_create_uint32(env, port, &parts[1]) != napi_ok || napi_create_int32(env, family, &parts[2]) != napi_ok ||
      napi_create_array_with_length(env, count, &call->value) != napi_ok) {
    return throw_bad_argument(call, "the address could not be converted");
  }
  for (uint32_t at = 0; at < count; at++) {
    if (napi_set_element(env, call->value, at, parts[at]) != napi_ok) return THROWN;
  }
  return VALUE;
}

static int64_t answer_inet(Call *call, const void *ip, uint16_t port) {
  char text[INET_ADDRSTRLEN];
  if (inet_ntop(AF_INET, ip, text, sizeof text) == NULL) return -errno;
  return answer_array(call, text, strlen(text), ntohs(port), 4);
}

static int64_t answer_inet6(Call *call, const struct sockaddr_in6 *inet6) {
  char text[INET6_ADDRSTRLEN + 1 + IF_NAMESIZE];
  const struct in6_addr *ip = &inet6->sin6_addr;
  /* Returned as IPv4, so that the IPv4-mapped form cannot bypass a check for trusted addresses. */
  if (IN6_IS_ADDR_V4MAPPED(ip)) return answer_inet(call, &ip->s6_addr[12], inet6->sin6_port);
  if (inet_ntop(AF_INET6, ip, text, INET6_ADDRSTRLEN) == NULL) return -errno;
  if (inet6->sin6_scope_id != 0) {
    char *end = text + strlen(text);
    *end++ = '%';
    if (if_indextoname(inet6->sin6_scope_id, end) == NULL) snprintf(end, IF_NAMESIZE, "%u", inet6->sin6_scope_id);
  }
  return answer_array(call, text, strlen(text), ntohs(inet6->sin6_port), 6);
}

int64_t answer_address(Call *call, const Address *address) {
  if (address->any.sa_family == AF_INET) return answer_inet(call, &address->inet.sin_addr, address->inet.sin_port);
  if (address->any.sa_family == AF_INET6) return answer_inet6(call, &address->inet6);
  if (address->any.sa_family != AF_UNIX) return -EAFNOSUPPORT;
  const char *name = address->local.sun_path;
  /* The kernel may count a terminator that did not fit. If the length is 0, the socket has no name. */
  socklen_t most = sizeof address->local;
  size_t length = (address->length < most ? address->length : most) - offsetof(struct sockaddr_un, sun_path);
  if (length > 0 && name[0] != '\0') length = strnlen(name, length);
  return answer_array(call, name, length, 0, 0);
}
