#include "keys/transcript.h"

#include "base/span.h"

void kt_transcript_init(struct kt_transcript *t)
{
    *t = (struct kt_transcript){.hash = NULL};
}

void kt_transcript_add(struct kt_transcript *t, struct kt_span message)
{
    if (t->hash != NULL) {
        t->hash->update(&t->state, message.p, message.len);
        return;
    }
    /* A second one would be lost, and Finished would not match: a defect, but not a hole. */
    if (KT_NEVER(t->held.p != NULL)) {
        return;
    }
    t->held = message;
}

void kt_transcript_begin(struct kt_transcript *t, const struct kt_hash *hash)
{
    t->hash = hash;
    hash->init(&t->state);
    if (t->held.p != NULL) {
        hash->update(&t->state, t->held.p, t->held.len);
        t->held = kt_span_of(NULL, 0);
    }
}

/* RFC 9846 section 4.1: a synthetic message of type message_hash stands for the first ClientHello. */
void kt_transcript_retry(struct kt_transcript *t)
{
    uint8_t message[KT_MESSAGE_HEADER + KT_HASH_MAX] = {KT_MSG_MESSAGE_HASH, 0, 0, t->hash->len};

    t->hash->final(&t->state, message + KT_MESSAGE_HEADER);
    t->hash->init(&t->state);
    t->hash->update(&t->state, message, (size_t)KT_MESSAGE_HEADER + t->hash->len);
}

void kt_transcript_hash(const struct kt_transcript *t, uint8_t *out)
{
    struct kt_hash_state copy = t->state;

    t->hash->final(&copy, out);
    kt_wipe(&copy, sizeof copy);
}

void kt_transcript_hash_with(const struct kt_transcript *t, struct kt_span more, uint8_t *out)
{
    struct kt_hash_state copy = t->state;

    t->hash->update(&copy, more.p, more.len);
    t->hash->final(&copy, out);
    kt_wipe(&copy, sizeof copy);
}

void kt_transcript_wipe(struct kt_transcript *t)
{
    kt_wipe(t, sizeof *t);
}
