/*
 * The functions of the OpenSSL that Node carries, as pointers that openssl.c finds in the process. Nothing is linked,
 * and no header of OpenSSL is needed: the functions below exist, with these types, in every release of OpenSSL 3.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;
typedef struct ssl_method_st SSL_METHOD;
typedef struct ssl_session_st SSL_SESSION;
typedef struct ssl_cipher_st SSL_CIPHER;
typedef struct bio_st BIO;
typedef struct bio_method_st BIO_METHOD;
typedef struct x509_st X509;
typedef struct X509_crl_st X509_CRL;
typedef struct x509_store_st X509_STORE;
typedef struct x509_store_ctx_st X509_STORE_CTX;
typedef struct X509_VERIFY_PARAM_st X509_VERIFY_PARAM;
typedef struct evp_pkey_st EVP_PKEY;
typedef struct evp_cipher_st EVP_CIPHER;
typedef struct evp_cipher_ctx_st EVP_CIPHER_CTX;
typedef struct evp_mac_ctx_st EVP_MAC_CTX;
typedef struct engine_st ENGINE;
typedef struct stack_st OPENSSL_STACK;

/* A part of OpenSSL's interface, unlike the structures above. */
typedef struct {
  const char *key;
  unsigned int data_type;
  void *data;
  size_t data_size;
  size_t return_size;
} OSSL_PARAM;
enum { OSSL_PARAM_UTF8_STRING = 4, OSSL_PARAM_OCTET_STRING = 5 };

enum {
  SSL_ERROR_NONE = 0,
  SSL_ERROR_WANT_READ = 2,
  SSL_ERROR_WANT_WRITE = 3,
  SSL_ERROR_ZERO_RETURN = 6,
  SSL_ERROR_WANT_CLIENT_HELLO_CB = 11,
};
enum { SSL_CLIENT_HELLO_SUCCESS = 1, SSL_CLIENT_HELLO_ERROR = 0, SSL_CLIENT_HELLO_RETRY = -1 };
enum { SSL_VERIFY_NONE = 0, SSL_VERIFY_PEER = 1, SSL_VERIFY_FAIL_IF_NO_PEER_CERT = 2 };
enum { SSL_TLSEXT_ERR_OK = 0, SSL_TLSEXT_ERR_ALERT_FATAL = 2, SSL_TLSEXT_ERR_NOACK = 3 };
enum { OPENSSL_NPN_NEGOTIATED = 1 };
enum { TLSEXT_TYPE_server_name = 0, TLSEXT_NAMETYPE_host_name = 0 };
enum { SSL3_RT_ALERT = 21, SSL3_RT_HANDSHAKE = 22 };
enum { SSL_AD_UNRECOGNIZED_NAME = 112 };
enum {
  SSL_CTRL_MODE = 33,
  SSL_CTRL_SET_SESS_CACHE_MODE = 44,
  SSL_CTRL_SET_TLSEXT_SERVERNAME_CB = 53,
  SSL_CTRL_SET_TLSEXT_HOSTNAME = 55,
  SSL_CTRL_CLEAR_MODE = 78,
  SSL_CTRL_CHAIN_CERT = 89,
  SSL_CTRL_SET_GROUPS_LIST = 92,
  SSL_CTRL_SET_MIN_PROTO_VERSION = 123,
  SSL_CTRL_SET_MAX_PROTO_VERSION = 124,
};
enum {
  SSL_MODE_ENABLE_PARTIAL_WRITE = 1,
  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER = 2,
  SSL_MODE_NO_AUTO_CHAIN = 8,
  SSL_MODE_RELEASE_BUFFERS = 16,
};
enum {
  SSL_SESS_CACHE_CLIENT = 1,
  SSL_SESS_CACHE_SERVER = 2,
  SSL_SESS_CACHE_NO_AUTO_CLEAR = 0x80,
  SSL_SESS_CACHE_NO_INTERNAL = 0x300,
};
static const uint64_t SSL_OP_NO_COMPRESSION = UINT64_C(1) << 17;
static const uint64_t SSL_OP_CIPHER_SERVER_PREFERENCE = UINT64_C(1) << 22;
static const uint64_t SSL_OP_NO_RENEGOTIATION = UINT64_C(1) << 30;
enum { SSL_TICKET_FATAL_ERR_OTHER = 1, SSL_TICKET_NONE = 2, SSL_TICKET_SUCCESS = 5, SSL_TICKET_SUCCESS_RENEW = 6 };
enum {
  SSL_TICKET_RETURN_ABORT = 0,
  SSL_TICKET_RETURN_IGNORE = 1,
  SSL_TICKET_RETURN_IGNORE_RENEW = 2,
  SSL_TICKET_RETURN_USE = 3,
  SSL_TICKET_RETURN_USE_RENEW = 4,
};
enum { BIO_TYPE_SOURCE_SINK = 0x0400, BIO_CTRL_FLUSH = 11 };
enum { BIO_FLAGS_READ = 1, BIO_FLAGS_WRITE = 2, BIO_FLAGS_RWS = 7, BIO_FLAGS_SHOULD_RETRY = 8 };
enum { X509_V_OK = 0, X509_V_ERR_UNSPECIFIED = 1, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT = 2, X509_V_ERR_HOSTNAME_MISMATCH = 62, X509_V_ERR_IP_ADDRESS_MISMATCH = 64 };
enum { X509_V_FLAG_CRL_CHECK = 4, X509_V_FLAG_CRL_CHECK_ALL = 8, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS = 4 };
enum { OPENSSL_VERSION_STRING_ITEM = 6, ERR_LIB_SSL = 20 };

typedef int (*VerifyCallback)(int, X509_STORE_CTX *);
typedef int (*TicketKeyCallback)(SSL *, unsigned char *, unsigned char *, EVP_CIPHER_CTX *, EVP_MAC_CTX *, int);
typedef int (*AlpnCallback)(SSL *, const unsigned char **, unsigned char *, const unsigned char *, unsigned int, void *);
typedef int (*TicketDecryptCallback)(SSL *, SSL_SESSION *, const unsigned char *, size_t, int, void *);
typedef void (*MessageCallback)(int, int, int, const void *, size_t, SSL *, void *);

#define LIBSSL_FUNCTIONS(F)                                                                   \
  F(const SSL_METHOD *, TLS_method, (void))                                                   \
  F(SSL_CTX *, SSL_CTX_new, (const SSL_METHOD *))                                             \
  F(void, SSL_CTX_free, (SSL_CTX *))                                                          \
  F(long, SSL_CTX_ctrl, (SSL_CTX *, int, long, void *))                                       \
  F(long, SSL_CTX_callback_ctrl, (SSL_CTX *, int, void (*)(void)))                            \
  F(uint64_t, SSL_CTX_set_options, (SSL_CTX *, uint64_t))                                     \
  F(int, SSL_CTX_set_cipher_list, (SSL_CTX *, const char *))                                  \
  F(int, SSL_CTX_set_ciphersuites, (SSL_CTX *, const char *))                                 \
  F(int, SSL_CTX_use_certificate, (SSL_CTX *, X509 *))                                        \
  F(int, SSL_CTX_use_PrivateKey, (SSL_CTX *, EVP_PKEY *))                                     \
  F(int, SSL_CTX_check_private_key, (const SSL_CTX *))                                        \
  F(int, SSL_CTX_add_client_CA, (SSL_CTX *, X509 *))                                          \
  F(int, SSL_CTX_set_default_verify_paths, (SSL_CTX *))                                       \
  F(X509_STORE *, SSL_CTX_get_cert_store, (const SSL_CTX *))                                  \
  F(void, SSL_CTX_set1_cert_store, (SSL_CTX *, X509_STORE *))                                 \
  F(void, SSL_CTX_set_verify, (SSL_CTX *, int, VerifyCallback))                               \
  F(void, SSL_CTX_set_cert_verify_callback, (SSL_CTX *, int (*)(X509_STORE_CTX *, void *), void *)) \
  F(int, SSL_get_ex_data_X509_STORE_CTX_idx, (void))                                          \
  F(int, SSL_CTX_set_session_id_context, (SSL_CTX *, const unsigned char *, unsigned int))    \
  F(int, SSL_CTX_set_tlsext_ticket_key_evp_cb, (SSL_CTX *, TicketKeyCallback))                \
  F(int, SSL_CTX_set_session_ticket_cb, (SSL_CTX *, int (*)(SSL *, void *), TicketDecryptCallback, void *)) \
  F(void, SSL_CTX_set_alpn_select_cb, (SSL_CTX *, AlpnCallback, void *))                      \
  F(int, SSL_CTX_set_alpn_protos, (SSL_CTX *, const unsigned char *, unsigned int))           \
  F(void, SSL_CTX_set_client_hello_cb, (SSL_CTX *, int (*)(SSL *, int *, void *), void *))    \
  F(void, SSL_CTX_set_keylog_callback, (SSL_CTX *, void (*)(const SSL *, const char *)))      \
  F(void, SSL_CTX_sess_set_new_cb, (SSL_CTX *, int (*)(SSL *, SSL_SESSION *)))                \
  F(void, SSL_CTX_set_msg_callback, (SSL_CTX *, MessageCallback))                             \
  F(SSL *, SSL_new, (SSL_CTX *))                                                              \
  F(void, SSL_free, (SSL *))                                                                  \
  F(void, SSL_set_bio, (SSL *, BIO *, BIO *))                                                 \
  F(void, SSL_set_accept_state, (SSL *))                                                      \
  F(void, SSL_set_connect_state, (SSL *))                                                     \
  F(SSL_CTX *, SSL_set_SSL_CTX, (SSL *, SSL_CTX *))                                           \
  F(int, SSL_do_handshake, (SSL *))                                                           \
  F(int, SSL_read, (SSL *, void *, int))                                                      \
  F(int, SSL_pending, (const SSL *))                                                          \
  F(int, SSL_write, (SSL *, const void *, int))                                               \
  F(int, SSL_in_init, (const SSL *))                                                          \
  F(int, SSL_shutdown, (SSL *))                                                               \
  F(int, SSL_get_error, (const SSL *, int))                                                   \
  F(long, SSL_ctrl, (SSL *, int, long, void *))                                               \
  F(int, SSL_set_ex_data, (SSL *, int, void *))                                               \
  F(void *, SSL_get_ex_data, (const SSL *, int))                                              \
  F(X509_VERIFY_PARAM *, SSL_get0_param, (SSL *))                                             \
  F(int, SSL_set_session, (SSL *, SSL_SESSION *))                                             \
  F(SSL_SESSION *, d2i_SSL_SESSION, (SSL_SESSION **, const unsigned char **, long))           \
  F(int, i2d_SSL_SESSION, (const SSL_SESSION *, unsigned char **))                            \
  F(void, SSL_SESSION_free, (SSL_SESSION *))                                                  \
  F(const char *, SSL_SESSION_get0_hostname, (const SSL_SESSION *))                           \
  F(int, SSL_client_hello_get0_ext, (SSL *, unsigned int, const unsigned char **, size_t *))  \
  F(int, SSL_select_next_proto, (unsigned char **, unsigned char *, const unsigned char *, unsigned int, const unsigned char *, unsigned int)) \
  F(int, SSL_version, (const SSL *))                                                          \
  F(const SSL_CIPHER *, SSL_get_current_cipher, (const SSL *))                                \
  F(uint16_t, SSL_CIPHER_get_protocol_id, (const SSL_CIPHER *))                               \
  F(const char *, SSL_CIPHER_standard_name, (const SSL_CIPHER *))                             \
  F(long, SSL_get_verify_result, (const SSL *))                                               \
  F(int, SSL_session_reused, (const SSL *))                                                   \
  F(void, SSL_get0_alpn_selected, (const SSL *, const unsigned char **, unsigned int *))      \
  F(const char *, SSL_get_servername, (const SSL *, int))                                     \
  F(X509 *, SSL_get1_peer_certificate, (const SSL *))                                         \
  F(OPENSSL_STACK *, SSL_get_peer_cert_chain, (const SSL *))                                  \
  F(OPENSSL_STACK *, SSL_get0_verified_chain, (const SSL *))

#define LIBCRYPTO_FUNCTIONS(F)                                                                \
  F(unsigned int, OPENSSL_version_major, (void))                                              \
  F(const char *, OpenSSL_version, (int))                                                     \
  F(void, ERR_clear_error, (void))                                                            \
  F(unsigned long, ERR_peek_error, (void))                                                    \
  F(unsigned long, ERR_get_error, (void))                                                     \
  F(const char *, ERR_reason_error_string, (unsigned long))                                   \
  F(BIO_METHOD *, BIO_meth_new, (int, const char *))                                          \
  F(void, BIO_meth_free, (BIO_METHOD *))                                                      \
  F(int, BIO_meth_set_read, (BIO_METHOD *, int (*)(BIO *, char *, int)))                      \
  F(int, BIO_meth_set_write, (BIO_METHOD *, int (*)(BIO *, const char *, int)))               \
  F(int, BIO_meth_set_ctrl, (BIO_METHOD *, long (*)(BIO *, int, long, void *)))               \
  F(BIO *, BIO_new, (const BIO_METHOD *))                                                     \
  F(void, BIO_set_data, (BIO *, void *))                                                      \
  F(void *, BIO_get_data, (BIO *))                                                            \
  F(void, BIO_set_init, (BIO *, int))                                                         \
  F(void, BIO_set_flags, (BIO *, int))                                                        \
  F(void, BIO_clear_flags, (BIO *, int))                                                      \
  F(X509 *, d2i_X509, (X509 **, const unsigned char **, long))                                \
  F(int, i2d_X509, (const X509 *, unsigned char **))                                          \
  F(void, X509_free, (X509 *))                                                                \
  F(X509_CRL *, d2i_X509_CRL, (X509_CRL **, const unsigned char **, long))                    \
  F(void, X509_CRL_free, (X509_CRL *))                                                        \
  F(EVP_PKEY *, d2i_AutoPrivateKey, (EVP_PKEY **, const unsigned char **, long))              \
  F(void, EVP_PKEY_free, (EVP_PKEY *))                                                        \
  F(int, X509_STORE_add_cert, (X509_STORE *, X509 *))                                         \
  F(int, X509_STORE_add_crl, (X509_STORE *, X509_CRL *))                                      \
  F(int, X509_STORE_set_flags, (X509_STORE *, unsigned long))                                 \
  F(int, X509_VERIFY_PARAM_set1_host, (X509_VERIFY_PARAM *, const char *, size_t))            \
  F(int, X509_VERIFY_PARAM_set1_ip_asc, (X509_VERIFY_PARAM *, const char *))                  \
  F(void, X509_VERIFY_PARAM_set_hostflags, (X509_VERIFY_PARAM *, unsigned int))               \
  F(const char *, X509_verify_cert_error_string, (long))                                      \
  F(int, X509_verify_cert, (X509_STORE_CTX *))                                                \
  F(void, X509_STORE_CTX_set_verify_cb, (X509_STORE_CTX *, VerifyCallback))                   \
  F(void *, X509_STORE_CTX_get_ex_data, (const X509_STORE_CTX *, int))                        \
  F(int, X509_STORE_CTX_get_error, (const X509_STORE_CTX *))                                  \
  F(void, X509_STORE_CTX_set_error, (X509_STORE_CTX *, int))                                  \
  F(int, OPENSSL_sk_num, (const OPENSSL_STACK *))                                             \
  F(void *, OPENSSL_sk_value, (const OPENSSL_STACK *, int))                                   \
  F(const EVP_CIPHER *, EVP_aes_128_cbc, (void))                                              \
  F(int, EVP_EncryptInit_ex, (EVP_CIPHER_CTX *, const EVP_CIPHER *, ENGINE *, const unsigned char *, const unsigned char *)) \
  F(int, EVP_DecryptInit_ex, (EVP_CIPHER_CTX *, const EVP_CIPHER *, ENGINE *, const unsigned char *, const unsigned char *)) \
  F(int, EVP_MAC_CTX_set_params, (EVP_MAC_CTX *, const OSSL_PARAM *))                         \
  F(int, RAND_bytes, (unsigned char *, int))                                                  \
  F(void, OPENSSL_cleanse, (void *, size_t))

typedef struct {
#define POINTER(result, name, arguments) result(*name) arguments;
  LIBSSL_FUNCTIONS(POINTER)
  LIBCRYPTO_FUNCTIONS(POINTER)
#undef POINTER
} OpenSSL;

/* The functions. The same in all environments of the process, and never changed once openssl_find has succeeded. */
extern OpenSSL openssl;

/* Empties the queue of errors. It nearly always is empty, and ERR_clear_error writes to all 16 entries of it. */
static inline void clear_errors(void) {
  if (openssl.ERR_peek_error() != 0) openssl.ERR_clear_error();
}

/* Finds the OpenSSL of this process, once. Returns NULL, or why it cannot be used, written to `why`. */
const char *openssl_find(const char *expected_version, char *why, size_t room);
