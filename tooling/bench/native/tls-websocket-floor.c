// The floor of WebSocket servers over TLS: websocket-floor.c over OpenSSL.
#include "tls-sockets.h"
#define main run_floor
#include "websocket-floor.c"
#undef main

int main(int argc, char **argv) {
  if (argc < 4) fail("usage: tls-websocket-floor <certificate> <its key>, and what websocket-floor takes");
  open_tls(argv[1], argv[2]);
  return run_floor(argc - 2, argv + 2);
}
