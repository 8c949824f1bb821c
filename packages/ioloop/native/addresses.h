#pragma once

#include "reactor.h"

#include <sys/socket.h>
#include <sys/un.h>

typedef struct {
  socklen_t length;
  union {
    struct sockaddr any;
    struct sockaddr_in inet;
    struct sockaddr_in6 inet6;
    struct sockaddr_un local;
  };
} Address;

/* Both read argv[at]; read_inet_address also reads the port in argv[at + 1]. The family of the socket decides the
   format. Return 0, -errno or THROWN. */
int64_t read_inet_address(const Call *call, size_t at, Address *address);
int64_t read_unix_address(const Call *call, size_t at, Address *address);
int64_t answer_address(Call *call, const Address *address);
