// The floor of HTTPS servers: floor.c over OpenSSL.
#include "tls-sockets.h"
#define main run_floor
#include "floor.c"
#undef main

int main(int argc, char **argv) {
  if (argc < 4) fail("usage: tls-floor <certificate> <its key>, and what floor takes for HTTP");
  open_tls(argv[1], argv[2]);
  return run_floor(argc - 2, argv + 2);
}
