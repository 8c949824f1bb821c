/* What a handshake has negotiated, and why one has failed. */
#include "tls.h"

#include <stdlib.h>
#include <string.h>

static bool make_number(napi_env env, double number, napi_value *value) {
  return napi_create_double(env, number, value) == napi_ok;
}

/* Makes undefined if there is no text. */
static bool make_text(napi_env env, const char *text, size_t length, napi_value *value) {
  return (text == NULL ? napi_get_undefined(env, value) : napi_create_string_latin1(env, text, length, value)) == napi_ok;
}

/* The last step of a call: a setter that the program has defined for arrays may run here, and close the slot. */
static int64_t make_array(Call *call, const napi_value *values, uint32_t count) {
  if (napi_create_array_with_length(call->env, count, &call->value) != napi_ok) return THROWN;
  for (uint32_t at = 0; at < count; at++) {
    if (napi_set_element(call->env, call->value, at, values[at]) != napi_ok) return THROWN;
  }
  return VALUE;
}

/* Remembers the name of a cipher suite, which OpenSSL can only tell of a connection. */
static int32_t cipher_of(Tls *tls) {
  Secure *secure = tls->state->secure;
  const SSL_CIPHER *cipher = openssl.SSL_get_current_cipher(tls->ssl);
  if (cipher == NULL) return 0;
  uint16_t number = openssl.SSL_CIPHER_get_protocol_id(cipher);
  for (int32_t at = 0; at < secure->cipher_count; at++) {
    if (secure->ciphers[at].number == number) return number;
  }
  if (secure->cipher_count == MOST_CIPHERS) secure->cipher_count = 0; /* more than any configuration uses */
  secure->ciphers[secure->cipher_count].number = number;
  secure->ciphers[secure->cipher_count++].name = openssl.SSL_CIPHER_standard_name(cipher);
  return number;
}

static int64_t facts(Call *call) {
  Tls *tls = tls_of(call);
  napi_env env = call->env;
  const unsigned char *alpn = NULL;
  unsigned int alpn_length = 0;
  const char *name = tls->context->is_server ? tls->name : openssl.SSL_get_servername(tls->ssl, TLSEXT_NAMETYPE_host_name);
  openssl.SSL_get0_alpn_selected(tls->ssl, &alpn, &alpn_length);
  napi_value values[6];
  bool is_made = make_number(env, openssl.SSL_version(tls->ssl), &values[0]) && make_number(env, cipher_of(tls), &values[1]) &&
                 make_number(env, (double)(tls->is_failed ? tls->verify_result : tls_verify_result(tls)), &values[2]) &&
                 make_number(env, openssl.SSL_session_reused(tls->ssl), &values[3]) &&
                 make_text(env, alpn_length == 0 ? NULL : (const char *)alpn, alpn_length, &values[4]) &&
                 make_text(env, name, name == NULL ? 0 : strlen(name), &values[5]);
  return is_made ? make_array(call, values, 6) : THROWN;
}

static int64_t cipher_name(Call *call) {
  int64_t number;
  const Secure *secure = call->state->secure;
  if (!read_integer(call, 0, 0, 0xffff, "cipher", &number)) return THROWN;
  for (int32_t at = 0; secure != NULL && at < secure->cipher_count; at++) {
    const char *name = secure->ciphers[at].name;
    if (secure->ciphers[at].number != number || name == NULL) continue;
    return napi_create_string_latin1(call->env, name, NAPI_AUTO_LENGTH, &call->value) == napi_ok ? VALUE : THROWN;
  }
  return VALUE;
}

static int64_t verify_text(Call *call) {
  int64_t result;
  if (!read_integer(call, 0, 0, 0xffff, "result", &result)) return THROWN;
  if (call->state->secure == NULL) return throw_bad_argument(call, "tlsLoad must have succeeded before");
  const char *text = openssl.X509_verify_cert_error_string((long)result);
  return napi_create_string_latin1(call->env, text, NAPI_AUTO_LENGTH, &call->value) == napi_ok ? VALUE : THROWN;
}

static bool make_certificate(napi_env env, const X509 *certificate, napi_value *value) {
  int length = openssl.i2d_X509(certificate, NULL);
  unsigned char *bytes = length <= 0 ? NULL : malloc((size_t)length), *end = bytes;
  if (bytes == NULL) return false;
  openssl.i2d_X509(certificate, &end);
  bool is_made = napi_create_buffer_copy(env, (size_t)length, bytes, NULL, value) == napi_ok;
  free(bytes);
  return is_made;
}

enum { MOST_CERTIFICATES = 32 }; /* a longer chain is cut off; OpenSSL limits its bytes */

static int64_t peer_chain(Call *call) {
  const Tls *tls = tls_of(call);
  napi_value values[MOST_CERTIFICATES];
  uint32_t made = 0;
  X509 *own = openssl.SSL_get1_peer_certificate(tls->ssl);
  const OPENSSL_STACK *chain = openssl.SSL_get_peer_cert_chain(tls->ssl);
  /* After a failed verification, OpenSSL keeps what the peer presented only in the chain that it has built. */
  const OPENSSL_STACK *refused = own == NULL && tls->is_failed ? openssl.SSL_get0_verified_chain(tls->ssl) : NULL;
  const X509 *first = own;
  if (refused != NULL && openssl.OPENSSL_sk_num(refused) > 0) first = openssl.OPENSSL_sk_value(refused, 0);
  bool is_made = first == NULL || make_certificate(call->env, first, &values[made++]);
  if (own != NULL) openssl.X509_free(own);
  int count = chain == NULL ? 0 : openssl.OPENSSL_sk_num(chain);
  /* On a client, the chain starts with the peer's own certificate. */
  for (int at = tls->context->is_server ? 0 : 1; is_made && at < count && made < MOST_CERTIFICATES; at++) {
    is_made = make_certificate(call->env, openssl.OPENSSL_sk_value(chain, at), &values[made++]);
  }
  clear_errors();
  if (!is_made) return throw_bad_argument(call, "the certificates could not be copied");
  return make_array(call, values, made);
}

static int64_t session(Call *call) {
  Tls *tls = tls_of(call);
  Chunk *first = tls->sessions;
  if (first == NULL) return VALUE;
  tls->sessions = first->next;
  bool is_set = napi_create_buffer_copy(call->env, first->length, first->bytes, NULL, &call->value) == napi_ok;
  openssl.OPENSSL_cleanse(first->bytes, first->length);
  free(first);
  return is_set ? VALUE : THROWN;
}

static int64_t key_log(Call *call) {
  Tls *tls = tls_of(call);
  if (tls->key_lines == NULL) return VALUE;
  size_t length = 0, at = 0;
  for (const Chunk *line = tls->key_lines; line != NULL; line = line->next) length += line->length;
  char *text = malloc(length);
  while (tls->key_lines != NULL) {
    Chunk *line = tls->key_lines;
    tls->key_lines = line->next;
    if (text != NULL) memcpy(text + at, line->bytes, line->length);
    at += line->length;
    openssl.OPENSSL_cleanse(line->bytes, line->length);
    free(line);
  }
  if (text == NULL) return throw_bad_argument(call, "out of memory");
  bool is_set = napi_create_string_latin1(call->env, text, length, &call->value) == napi_ok;
  openssl.OPENSSL_cleanse(text, length);
  free(text);
  return is_set ? VALUE : THROWN;
}

static int64_t failure(Call *call) {
  const Tls *tls = tls_of(call);
  if (!tls->is_failed) return VALUE;
  const char *reason = tls->reason;
  if (reason == NULL && tls->error != 0) reason = openssl.ERR_reason_error_string(tls->error);
  if (reason == NULL) reason = "unknown error";
  napi_value values[3];
  bool is_made = make_text(call->env, reason, strlen(reason), &values[0]) &&
                 make_number(call->env, (double)tls->verify_result, &values[1]) &&
                 make_number(call->env, tls->alert, &values[2]);
  return is_made ? make_array(call, values, 3) : THROWN;
}

const Export TLS_FACT_EXPORTS[] = {
    {"tlsFacts", facts, SECURED},         {"tlsCipherName", cipher_name, ANY}, {"tlsVerifyText", verify_text, ANY},
    {"tlsPeerChain", peer_chain, SECURED}, {"tlsSession", session, SECURED},   {"tlsKeyLog", key_log, SECURED},
    {"tlsFailure", failure, SECURED},     {NULL, NULL, ANY},
};
