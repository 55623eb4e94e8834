/*
 * libssl_shim.h - one run of the shim: its connections one after the other, what was seen of each.
 */
#ifndef LIBSSL_SHIM_H
#define LIBSSL_SHIM_H

#include <openssl/ssl.h>

#include "libssl_flags.h"

#define STORE_MAX       32
#define TICKET_KEYS_LEN 80

/* What libssl knows as the transport. Its events are the runner's requests between two datagrams. */
struct link {
    int fd;
    bool paced, datagrams; /* -async: one byte or datagram per try */
    bool may_read, may_write;
    bool ended;
    char event; /* of a datagram link: 'T', 'M', 'E', 'U', or 0 */
    uint64_t event_value;
};

struct shim {
    /* of the whole run */
    SSL_SESSION *session; /* client: the newest one, to be offered by the next connection */
    SSL_SESSION *store[STORE_MAX];
    size_t store_len;
    uint8_t ticket_keys[TICKET_KEYS_LEN];
    bool have_ticket_keys;

    /* of this connection */
    const struct flags *flags, *retry; /* the others from when early data was refused */
    bool resuming;
    SSL_CTX *ctx;
    SSL *ssl;
    struct link link;
    bool early; /* early data was offered */
    size_t early_len;
    int first_timeout_ms;

    /* callbacks that let the library wait once */
    bool cert_waited, hello_waited, verify_waited;

    /* remembered for the checks */
    int selected; /* which credential: its number, -1 for the default one or none */
    bool hello_seen, connected;
    bool refused; /* a renegotiation: for the runner that is the end */
    unsigned sessions, hellos;
    uint8_t scts[1024];
    size_t scts_len;
    uint8_t secrets[2][EVP_MAX_MD_SIZE]; /* of application traffic: the client's, the server's */
    size_t secret_len;
    uint16_t ciphers[256]; /* the client's */
    size_t cipher_count;
    STACK_OF(X509_NAME) * authorities; /* the client's, in whatever version */
    char trace[8192];
    size_t trace_len;
};

/* libssl_setup.c: context and connection that the flags describe. */
enum outcome configure(struct shim *shim);
void release(struct shim *shim);

/* libssl_lists.c: versions, suites, groups and schemes. */
enum outcome set_algorithms(struct shim *shim);
int group_of_nid(int nid);
int scheme_of(int type_nid, int hash_nid, int version);

/* libssl_credentials.c: which credential, and putting it in. */
enum outcome install_credentials(struct shim *shim);
int on_certificate(SSL *ssl, void *shim);
bool use_credential(struct shim *shim, size_t index);
bool load_certificates(const char *path, STACK_OF(X509) * *out);

/* libssl_callbacks.c */
void install_callbacks(struct shim *shim);
void install_scts(struct shim *shim);

/* libssl_watch.c: the trace of messages, the traffic secrets, the sessions. */
void install_watch(struct shim *shim);
void take_renewed(struct shim *shim);

/* libssl_link.c: the socket as a BIO. */
BIO *link_open(struct link *link, const struct flags *flags);
/* The library returned `result`: true when the call is to be made again. */
bool link_retry(struct shim *shim, int result);
void link_hang_up(struct shim *shim);

/* libssl_checks.c: what the runner expects of the connection. They say on stderr what is wrong. */
bool check_hello(struct shim *shim, SSL *ssl);
bool check_connected(struct shim *shim);
bool check_end(struct shim *shim);
bool right_authorities(const struct shim *shim);
bool complain(const char *what);

/* libssl_clock.c: the clock of the process, which moves only where the runner says so. */
void clock_advance(uint64_t microseconds);

/* libssl_error.c: the queue of errors as the runner looks for them, ":REASON:". */
void explain(void);
_Noreturn void broken(const char *what);

#endif
