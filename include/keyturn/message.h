/*
 * message.h - what an observer can tell about the handshake messages it is shown (KT_NOTICE_MESSAGE, env.h).
 */
#ifndef KEYTURN_MESSAGE_H
#define KEYTURN_MESSAGE_H

#include <keyturn/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* "ClientHello" and so on, as the RFCs write them; NULL for a type we do not know. Static text. Any thread. */
KT_API const char *kt_message_name(uint8_t type);

/* "key_share" and so on, as the RFCs write them but for "alpn" and "sct"; NULL for one we do not know. Static text. Any
 * thread. */
KT_API const char *kt_extension_name(uint16_t number);

/* Whether a message, header included, is a HelloRetryRequest, which is a ServerHello by its type (RFC 9846 section
 * 4.2.4). Any thread. */
KT_API bool kt_message_is_retry(struct kt_span message);

struct kt_extension_info {
    uint16_t number;
    uint16_t len; /* of its content */
};

/*
 * The extensions of a message of TLS 1.3, header included, in the order they stand in; those of a Certificate one
 * certificate after the other. The first `cap` go into `out`, which may be NULL when cap is 0. Returns how many there
 * are: 0 also for messages that hold none, and for one that is not well-formed. Of TLS 1.2 the hellos are understood.
 * Any thread.
 */
KT_API size_t kt_message_extensions(struct kt_span message, struct kt_extension_info *out, size_t cap);

#ifdef __cplusplus
}
#endif

#endif
