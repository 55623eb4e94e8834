/*
 * encrypted_extensions.c - EncryptedExtensions (RFC 9846 section 4.4.1).
 */
#include "wire/ext.h"

static const struct kt_ext_place place = {
    .home = IN_EE,
    .codecs =
        {
            [KT_EXT_SERVER_NAME] = &kt_ext_empty,
            [KT_EXT_MAX_FRAGMENT_LENGTH] = &kt_ext_max_fragment_length_ee,
            [KT_EXT_SUPPORTED_GROUPS] = &kt_ext_supported_groups_ee,
            [KT_EXT_ALPN] = &kt_ext_alpn_ee,
            [KT_EXT_RECORD_SIZE_LIMIT] = &kt_ext_record_size_limit_ee,
            [KT_EXT_EARLY_DATA] = &kt_ext_empty,
            [KT_EXT_TICKET_REQUEST] = &kt_ext_ticket_request_ee,
        },
};

const struct kt_fault *kt_encrypted_extensions_decode(struct kt_span body, uint32_t offered,
                                                      struct kt_encrypted_extensions *out)
{
    const uint32_t both_limits = KT_EXT_BIT(MAX_FRAGMENT_LENGTH) | KT_EXT_BIT(RECORD_SIZE_LIMIT);
    struct kt_reader r = kt_reader_over(body);
    struct kt_span block;

    *out = (struct kt_encrypted_extensions){0};
    if (!kt_exts_read(&r, &block)) {
        KT_FAIL(ENCRYPTED_EXTENSIONS_MALFORMED);
    }
    KT_TRY(kt_exts_decode(block, &place, offered, &out->seen, out));
    if ((out->seen & both_limits) == both_limits) {
        KT_FAIL(EXTENSION_NOT_ALLOWED); /* one of them replaces the other (RFC 8449 section 5) */
    }
    return NULL;
}

void kt_encrypted_extensions_encode(struct kt_writer *w, const struct kt_encrypted_extensions *message)
{
    kt_message_open(w, KT_MSG_ENCRYPTED_EXTENSIONS);
    kt_writer_open(w, 2);
    kt_exts_encode(w, &place, message->seen, message);
    kt_writer_close(w);
    kt_writer_close(w);
}
