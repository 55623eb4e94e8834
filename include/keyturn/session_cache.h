/*
 * session_cache.h - where a client keeps sessions until it connects to the same server again.
 *
 * Sessions are found by a key of the owner's choice, the server and whatever tells its connections apart ("host:port"
 * and the name of the trust, say), and by the server name and application protocol that stand in the session. What is
 * taken is gone from the cache, so that no ticket is shown twice and connections are not linked by it (RFC 9846
 * appendix C.4). Any thread may use a cache at any time.
 */
#ifndef KEYTURN_SESSION_CACHE_H
#define KEYTURN_SESSION_CACHE_H

#include <keyturn/session.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kt_session_cache;

/* At most `capacity` sessions (1 to 65536; 0: 256), of which the oldest makes room. USAGE_ARGUMENT, MEMORY_SPENT.
 * kt_session_cache_free accepts NULL and gives back all sessions. */
KT_API KT_MUST_USE const struct kt_fault *kt_session_cache_new(size_t capacity, struct kt_session_cache **out);
KT_API void kt_session_cache_free(struct kt_session_cache *cache);

/* Keeps a session of a client under a key of at most 255 bytes; a reference is taken. USAGE_ARGUMENT, MEMORY_SPENT. */
KT_API KT_MUST_USE const struct kt_fault *kt_session_cache_put(struct kt_session_cache *cache, struct kt_span key,
                                                               struct kt_session *session);
/*
 * The newest session for this key and server name whose protocol is in `alpn` (names as for kt_builder_alpn; a
 * session without protocol fits any) and which has not expired at `now`; NULL: none. The reference is the caller's.
 */
KT_API struct kt_session *kt_session_cache_take(struct kt_session_cache *cache, struct kt_span key,
                                                struct kt_span server_name, const struct kt_span *alpn, size_t n,
                                                int64_t now);

/*
 * All of it as bytes, to be kept for the next run. DANGER: they hold secrets in the clear. export returns the length
 * needed and writes only when cap is enough. import adds what export wrote, and takes nothing of it when any of it
 * cannot be parsed: SESSION_MALFORMED, MEMORY_SPENT.
 */
KT_API size_t kt_session_cache_export(struct kt_session_cache *cache, uint8_t *out, size_t cap);
KT_API KT_MUST_USE const struct kt_fault *kt_session_cache_import(struct kt_session_cache *cache,
                                                                  const struct kt_env *env, struct kt_span bytes);

#ifdef __cplusplus
}
#endif

#endif
