/* A handshake in memory with ourselves, before the first use: functions with other types than openssl.h declares would
   fail here, in one place, and node:tls is used then. */
#include "tls.h"

#include <string.h>

enum { MOST_STEPS = 8, FLIGHT_BYTES = 16 * 1024 };

/* Passes the output of the last call to the other side. */
static bool pass_on(Secure *secure, Tls *to, uint8_t *flight) {
  if (secure->output_length > FLIGHT_BYTES) return false;
  memcpy(flight, secure->output, secure->output_length);
  to->input = flight;
  to->input_left = secure->output_length;
  secure->output_length = 0;
  return true;
}

static bool shake(Secure *secure, Tls *client, Tls *server) {
  uint8_t flight[FLIGHT_BYTES];
  for (int step = 0; step < MOST_STEPS && !(client->is_complete && server->is_complete); step++) {
    Tls *from = step % 2 == 0 ? client : server, *to = step % 2 == 0 ? server : client;
    if (tls_step(from) < 0 || !pass_on(secure, to, flight)) return false;
  }
  return client->is_complete && server->is_complete;
}

/* One record there and one back. */
static bool talk(Secure *secure, Tls *client, Tls *server) {
  uint8_t flight[FLIGHT_BYTES];
  char text[8] = "";
  clear_errors();
  return openssl.SSL_write(client->ssl, "ping", 4) == 4 && pass_on(secure, server, flight) &&
         openssl.SSL_read(server->ssl, text, sizeof text) == 4 && memcmp(text, "ping", 4) == 0 &&
         openssl.SSL_write(server->ssl, "pong", 4) == 4 && pass_on(secure, client, flight) &&
         openssl.SSL_read(client->ssl, text, sizeof text) == 4 && memcmp(text, "pong", 4) == 0;
}

static bool prepare(Context *context, bool is_server) {
  /* Anonymous, so that no certificate is needed. Only this context accepts it. */
  if (openssl.SSL_CTX_ctrl(context->ctx, SSL_CTRL_SET_MAX_PROTO_VERSION, 0x0303, NULL) != 1 ||
      openssl.SSL_CTX_set_cipher_list(context->ctx, "AECDH-AES128-SHA:@SECLEVEL=0") != 1) {
    return false;
  }
  uint8_t keys[TICKET_KEY_BYTES] = {1}; /* their tickets are not used */
  return !is_server || context_use_ticket_keys(context, keys, sizeof keys);
}

const char *tls_test(State *state) {
  const char *problem = "a handshake in memory failed";
  Context *contexts[2] = {context_create(state, false), context_create(state, true)};
  Tls *ends[2] = {NULL, NULL};
  bool is_ready = true;
  for (int at = 0; at < 2; at++) {
    is_ready = is_ready && contexts[at] != NULL && prepare(contexts[at], at == 1);
    if (is_ready) ends[at] = tls_create(state, contexts[at]);
    is_ready = is_ready && ends[at] != NULL;
  }
  if (is_ready && shake(state->secure, ends[0], ends[1]) && talk(state->secure, ends[0], ends[1])) problem = NULL;
  for (int at = 0; at < 2; at++) {
    if (ends[at] != NULL) tls_free(ends[at]);
    if (contexts[at] != NULL) context_drop(contexts[at]);
  }
  state->secure->output_length = 0;
  state->secure->marks = 0;
  clear_errors();
  return problem;
}
