/*
 * ocsp.h - asking an OCSP responder whether a certificate was revoked (RFC 6960).
 *
 * Two halves. A *query* is the question and the judge of its answer; it does no I/O, and who has an HTTP client may
 * use it alone. A *fetcher* carries queries to the responders that certificates name and keeps their answers; each job
 * of it runs in a thread of its own, so that neither a connection nor an event loop waits for a responder or for the
 * name service. kt_drive_options takes a fetcher and does the rest.
 *
 * Asked is about the leaf of a chain; for the authorities above it there are revocation lists (pki.h).
 */
#ifndef KEYTURN_OCSP_H
#define KEYTURN_OCSP_H

#include <keyturn/pki.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Whether a request carries 32 random bytes for the response to repeat (RFC 9654). */
enum kt_ocsp_nonce {
    KT_OCSP_NONCE_SEND,    /* it does; a response made beforehand has none and will do, another's will not */
    KT_OCSP_NONCE_NONE,    /* it does not */
    KT_OCSP_NONCE_REQUIRE, /* it does, and a response without it is refused */
};

/* A question about one certificate. It does not change and has a reference count; any thread. */
struct kt_ocsp_query;

/*
 * kt_pki_verify, and when that is satisfied the question about the leaf: *out is a query, or NULL when the leaf is
 * trusted as it stands, for then nobody can speak for it. Faults as there. The caller owns one reference.
 * kt_ocsp_query_is_stapled: a response stapled to the leaf has been checked and told all; there is no request.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_pki_verify_query(const struct kt_trust *trust, const struct kt_verify *how,
                                                              const struct kt_ask *ask, enum kt_ocsp_nonce nonce,
                                                              struct kt_ocsp_query **out);
KT_API bool kt_ocsp_query_is_stapled(const struct kt_ocsp_query *query);
/*
 * The same question about a leaf of our own, for a response to staple, hence without a nonce. The chain of the
 * credential must have the issuer: else CERTIFICATE_STATUS_NO_RESPONDER. CERTIFICATE_UNPARSABLE, USAGE_ARGUMENT,
 * MEMORY_SPENT.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_ocsp_query_own(const struct kt_credential *credential,
                                                            struct kt_ocsp_query **out);
KT_API struct kt_ocsp_query *kt_ocsp_query_ref(struct kt_ocsp_query *query);
KT_API void kt_ocsp_query_unref(struct kt_ocsp_query *query);

/* The request (DER), to be sent as application/ocsp-request; and the responders that the certificate names, in its
 * order: NULL behind the last, at most 4. They are its issuer's words, unchecked. */
KT_API struct kt_span kt_ocsp_query_request(const struct kt_ocsp_query *query);
KT_API const char *kt_ocsp_query_url(const struct kt_ocsp_query *query, size_t index);
/* What tells certificates apart: the same for two queries about the same certificate of the same issuer. */
KT_API struct kt_span kt_ocsp_query_id(const struct kt_ocsp_query *query);

/*
 * Judges a response by the rules for stapled ones (enum kt_staple in pki.h) and by its nonce, which `kept` says not to
 * look at: that of a response kept from before is another's. NULL: the certificate is good, until *until (Unix time; 0:
 * the response does not say, and should not be kept). CERTIFICATE_REVOKED sets *until, too. Other faults are
 * CERTIFICATE_STATUS_* with the alert certificate_unknown, because the peer is not to blame for its responder, and
 * MEMORY_SPENT.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_ocsp_query_judge(const struct kt_ocsp_query *query,
                                                              struct kt_span response, bool kept, int64_t *until);

/* What an answer that cannot be had counts. */
enum kt_ocsp_policy {
    KT_OCSP_OFF,  /* nobody is asked */
    KT_OCSP_SOFT, /* only "revoked" refuses; that there was no answer is reported */
    KT_OCSP_HARD, /* only "good" accepts */
};

/* All zero is sane, but for the policy. */
struct kt_ocsp_options {
    enum kt_ocsp_policy policy;
    enum kt_ocsp_nonce nonce;
    uint32_t timeout_ms;    /* for one question with all that belongs to it; 0: 5000; at most 60000 */
    size_t max_bytes;       /* of a response; 0: 65536; at most 1 MiB */
    unsigned cache_entries; /* responses kept until their next update is due; 0: 64; at most 4096 */
    /* A certificate makes us send a request to where it says. So only http is spoken, no redirect is followed, no proxy
     * used, the port must be 80 and the address may not be loopback, link-local, multicast or unspecified. With
     * `local` any port and address will do. */
    bool local;
};

/* A fetcher with its cache. Any thread. */
struct kt_ocsp;

/* USAGE_ARGUMENT: out of range. MEMORY_SPENT. Freeing does not wait: jobs under way keep what they need. */
KT_API KT_MUST_USE const struct kt_fault *kt_ocsp_new(const struct kt_ocsp_options *options, struct kt_ocsp **out);
KT_API void kt_ocsp_free(struct kt_ocsp *ocsp);

/* One question under way. It belongs to one thread at a time. */
struct kt_ocsp_job;

enum kt_ocsp_source {
    KT_OCSP_NOT_ASKED, /* by policy, or because nobody can speak for the certificate */
    KT_OCSP_STAPLED,   /* the peer had stapled a response, and it is right */
    KT_OCSP_KEPT,      /* a response from before, still good */
    KT_OCSP_FETCHED,
};

/* What came of it. Pointers stay valid as long as the job. */
struct kt_ocsp_report {
    enum kt_ocsp_source source;
    const struct kt_fault *fault; /* why "good" was not found out, or NULL */
    int error;                    /* errno where it says more, or 0 */
    const char *url;              /* of the responder asked last, or NULL */
    int64_t until;                /* when the next update is due; 0: not known */
    struct kt_span response;      /* DER, when it is a right one; else empty */
};

/*
 * Begins to check the chain of a KT_ASK_VERIFY: kt_pki_verify at once, whose fault this returns, and the responder's
 * word after it. `trust` and the ask need not outlive the call. A job that needs nobody is done when it begins.
 * kt_ocsp_begin_own asks for a response to staple to a credential, whatever the policy. The caller owns the job. Faults
 * beside those: MEMORY_SPENT.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_ocsp_begin(struct kt_ocsp *ocsp, const struct kt_trust *trust,
                                                        const struct kt_verify *how, const struct kt_ask *ask,
                                                        struct kt_ocsp_job **out);
KT_API KT_MUST_USE const struct kt_fault *
kt_ocsp_begin_own(struct kt_ocsp *ocsp, const struct kt_credential *credential, struct kt_ocsp_job **out);

/* A descriptor that is readable when the job is done: by an answer, or because its time is over. It stays the job's and
 * is not to be read. kt_ocsp_job_done asks without waiting, kt_ocsp_job_wait waits. */
KT_API int kt_ocsp_job_fd(const struct kt_ocsp_job *job);
KT_API bool kt_ocsp_job_done(struct kt_ocsp_job *job);
KT_API void kt_ocsp_job_wait(struct kt_ocsp_job *job);

/*
 * The verdict of a job that is done, as the policy of the fetcher has it: NULL means kt_answer_verified, a fault is for
 * kt_answer_refuse. USAGE_STATE: it is not done. `report` may be NULL. kt_ocsp_job_free accepts NULL and does not wait;
 * what still runs ends by itself.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_ocsp_job_verdict(struct kt_ocsp_job *job, struct kt_ocsp_report *report);
KT_API void kt_ocsp_job_free(struct kt_ocsp_job *job);

#ifdef __cplusplus
}
#endif

#endif
