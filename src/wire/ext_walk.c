/*
 * ext_walk.c - the rules that hold for every extension (RFC 9846 section 4.3).
 */
#include "wire/ext.h"
#include "wire/number_set.h"

enum {
    /* Answers: they hold nothing that was not offered. The others may hold what nobody knows yet. */
    IN_ANSWERS = IN_SH | IN_HRR | IN_EE | IN_CT | IN_SH12,
};

struct extension {
    uint16_t number;
    struct kt_span content;
};

/* The next one; false at the end of the block, and where it does not divide. */
static bool next_extension(struct kt_span *block, struct extension *out)
{
    struct kt_reader r = kt_reader_over(*block);

    if (!(kt_reader_u16(&r, &out->number) && kt_reader_vec16(&r, &out->content))) {
        return false;
    }
    *block = kt_reader_rest(&r);
    return true;
}

bool kt_exts_divide(struct kt_span block)
{
    struct extension extension;

    while (next_extension(&block, &extension)) {
    }
    return block.len == 0;
}

bool kt_exts_read(struct kt_reader *r, struct kt_span *block)
{
    return kt_reader_vec16(r, block) && kt_reader_done(r) && kt_exts_divide(*block);
}

bool kt_exts_have(struct kt_span block, enum kt_ext ext)
{
    struct extension extension;

    while (next_extension(&block, &extension)) {
        if (extension.number == kt_ext_number(ext)) {
            return true;
        }
    }
    return false;
}

/* Numbers that we do not know, seen so far in this block. Cleared when the first one comes: most blocks have
 * none. */
struct strangers {
    bool any;
    struct kt_number_set numbers;
};

static const struct kt_fault *meet_stranger(struct strangers *strangers, enum kt_ext_home home, uint16_t number)
{
    if ((home & IN_ANSWERS) != 0) {
        KT_FAIL(EXTENSION_NOT_OFFERED);
    }
    if (!strangers->any) {
        strangers->any = true;
        kt_number_set_fill(&strangers->numbers, false);
    }
    if (!kt_number_set_add(&strangers->numbers, number)) {
        KT_FAIL(EXTENSION_DUPLICATE);
    }
    return NULL;
}

static const struct kt_fault *meet_known(enum kt_ext ext, enum kt_ext_home home, uint32_t offered, uint32_t met)
{
    uint32_t bit = UINT32_C(1) << ext;

    if ((met & bit) != 0) {
        KT_FAIL(EXTENSION_DUPLICATE);
    }
    if ((kt_ext_messages(ext) & home) == 0) {
        KT_FAIL(EXTENSION_NOT_ALLOWED);
    }
    if ((home & IN_ANSWERS) != 0 && (offered & bit) == 0) {
        KT_FAIL(EXTENSION_NOT_OFFERED);
    }
    return NULL;
}

const struct kt_fault *kt_exts_decode(struct kt_span block, const struct kt_ext_place *place, uint32_t offered,
                                      uint32_t *seen, void *message)
{
    struct strangers strangers;
    struct extension extension;
    uint32_t met = 0; /* unlike *seen no codec can take anything out of it */

    strangers.any = false;
    *seen = 0;
    while (next_extension(&block, &extension)) {
        enum kt_ext ext = kt_ext_of(extension.number);

        /* The binders cover everything before them, so nothing may stand behind (section 4.3.11). */
        if (place->home == IN_CH && (met & KT_EXT_BIT(PRE_SHARED_KEY)) != 0) {
            KT_FAIL(PSK_NOT_LAST);
        }
        if (ext == KT_EXT_COUNT) {
            KT_TRY(meet_stranger(&strangers, place->home, extension.number));
            continue;
        }
        KT_TRY(meet_known(ext, place->home, offered, met));
        met |= UINT32_C(1) << ext;
        *seen |= UINT32_C(1) << ext;
        KT_TRY(place->codecs[ext]->decode(extension.content, message));
    }
    return NULL;
}

void kt_ext_encode(struct kt_writer *w, const struct kt_ext_place *place, enum kt_ext ext, const void *message)
{
    const struct kt_ext_codec *codec = place->codecs[ext];

    if (codec == NULL) {
        w->bad = true;
        return;
    }
    kt_put_u16(w, kt_ext_number(ext));
    kt_writer_open(w, 2);
    codec->encode(w, message);
    kt_writer_close(w);
}

void kt_ext_encode_grease(struct kt_writer *w, uint16_t number, struct kt_span content)
{
    if (number != 0) {
        kt_put_u16(w, number);
        kt_put_vec(w, 2, content);
    }
}

void kt_exts_encode(struct kt_writer *w, const struct kt_ext_place *place, uint32_t seen, const void *message)
{
    for (unsigned ext = 0; ext < KT_EXT_COUNT; ext++) {
        if ((seen >> ext & 1u) != 0) {
            kt_ext_encode(w, place, (enum kt_ext)ext, message);
        }
    }
}
