/*
 * serve_staple.h - keeps the OCSP responses of a server's certificates fresh: asks their responders anew before a
 * response ends (--ocsp fetch), and reads files that change (--ocsp FILE).
 *
 * All of it happens in the thread of the event loop that it was given, and none of it waits there. While a responder
 * fails, the response from before stays as long as it is good.
 */
#ifndef KT_SERVE_STAPLE_H
#define KT_SERVE_STAPLE_H

#include "options.h"

struct kt_stapler;

/* The credential in that place of the options has another response now, or none. */
typedef void kt_stapled(void *user, size_t index, struct kt_credential *credential);

/* NULL: memory or descriptors are short. free accepts NULL. */
struct kt_stapler *kt_stapler_new(int epoll, const struct kt_options *options, kt_stapled *stapled, void *user);
void kt_stapler_free(struct kt_stapler *stapler);

/* These are the credentials now, in the order of the options. A response that still fits is kept, and asked for anew.
 */
void kt_stapler_begin(struct kt_stapler *stapler, struct kt_credential *const *credentials, size_t count);

/*
 * In how many seconds to ask again: `until` is when the next update is due (Unix time; 0: not known), `failures` how
 * often in a row there was no answer. Halfway to the end, at most a day; after a failure 1, 2, 4 seconds and so on to 5
 * minutes.
 */
int64_t kt_staple_wait(int64_t now, int64_t until, unsigned failures);

#endif
