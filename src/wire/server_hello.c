/*
 * server_hello.c - ServerHello and HelloRetryRequest, which share their form (RFC 9846 sections 4.2.3
 * and 4.2.4), and ServerHello of TLS 1.2 and below (RFC 5246 section 7.4.1.3).
 */
#include "wire/ext.h"

enum { RANDOM_LEN = 32, SESSION_ID_MAX = 32 };

/* SHA-256 of "HelloRetryRequest". */
const uint8_t kt_retry_random[32] = {
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
};

/* "DOWNGRD" and what it was lowered to. */
const uint8_t kt_downgrade_12[8] = {0x44, 0x4f, 0x57, 0x4e, 0x47, 0x52, 0x44, 0x01};
const uint8_t kt_downgrade_11[8] = {0x44, 0x4f, 0x57, 0x4e, 0x47, 0x52, 0x44, 0x00};

static const struct kt_ext_place hello_place = {
    .home = IN_SH,
    .codecs =
        {
            [KT_EXT_PRE_SHARED_KEY] = &kt_ext_pre_shared_key_sh,
            [KT_EXT_SUPPORTED_VERSIONS] = &kt_ext_supported_versions_sh,
            [KT_EXT_KEY_SHARE] = &kt_ext_key_share_sh,
        },
};

static const struct kt_ext_place retry_place = {
    .home = IN_HRR,
    .codecs =
        {
            [KT_EXT_SUPPORTED_VERSIONS] = &kt_ext_supported_versions_sh,
            [KT_EXT_COOKIE] = &kt_ext_cookie_hrr,
            [KT_EXT_KEY_SHARE] = &kt_ext_key_share_hrr,
        },
};

static const struct kt_ext_place hello12_place = {
    .home = IN_SH12,
    .codecs =
        {
            [KT_EXT_SERVER_NAME] = &kt_ext_empty,
            [KT_EXT_MAX_FRAGMENT_LENGTH] = &kt_ext_max_fragment_length_sh12,
            [KT_EXT_STATUS_REQUEST] = &kt_ext_empty,
            [KT_EXT_EC_POINT_FORMATS] = &kt_ext_ec_point_formats_sh12,
            [KT_EXT_ALPN] = &kt_ext_alpn_sh12,
            [KT_EXT_SCT] = &kt_ext_sct_sh12,
            [KT_EXT_ENCRYPT_THEN_MAC] = &kt_ext_empty,
            [KT_EXT_EXTENDED_MAIN_SECRET] = &kt_ext_empty,
            [KT_EXT_RECORD_SIZE_LIMIT] = &kt_ext_record_size_limit_sh12,
            [KT_EXT_SESSION_TICKET] = &kt_ext_empty,
            [KT_EXT_RENEGOTIATION_INFO] = &kt_ext_renegotiation_info_sh12,
        },
};

static bool read_fixed_part(struct kt_reader *r, struct kt_server_hello *out)
{
    return kt_reader_u16(r, &out->legacy_version) && kt_reader_bytes(r, RANDOM_LEN, &out->random) &&
           kt_reader_vec8(r, &out->session_id) && out->session_id.len <= SESSION_ID_MAX &&
           kt_reader_u16(r, &out->suite) && kt_reader_u8(r, &out->compression);
}

const struct kt_fault *kt_server_hello_decode(struct kt_span body, uint32_t offered, struct kt_server_hello *out)
{
    struct kt_reader r = kt_reader_over(body);
    struct kt_span block = {NULL, 0};

    *out = (struct kt_server_hello){0};
    if (!(read_fixed_part(&r, out) && (kt_reader_done(&r) || kt_exts_read(&r, &block)))) {
        KT_FAIL(SERVER_HELLO_MALFORMED);
    }
    out->is_retry = kt_same_public(out->random.p, kt_retry_random, sizeof kt_retry_random);
    if (kt_exts_have(block, KT_EXT_SUPPORTED_VERSIONS)) {
        return out->is_retry ? kt_exts_decode(block, &retry_place, offered | KT_EXT_BIT(COOKIE), &out->seen, out)
                             : kt_exts_decode(block, &hello_place, offered, &out->seen, out);
    }
    if (out->is_retry) {
        KT_FAIL(EXTENSION_MISSING);
    }
    out->block12 = block;
    return NULL;
}

const struct kt_fault *kt_server_hello12_extensions(struct kt_server_hello *hello, uint32_t offered)
{
    const uint32_t both_limits = KT_EXT_BIT(MAX_FRAGMENT_LENGTH) | KT_EXT_BIT(RECORD_SIZE_LIMIT);

    KT_TRY(kt_exts_decode(hello->block12, &hello12_place, offered, &hello->seen, hello));
    if ((hello->seen & both_limits) == both_limits) {
        KT_FAIL(EXTENSION_NOT_ALLOWED); /* one of them replaces the other (RFC 8449 section 5) */
    }
    return NULL;
}

static const struct kt_ext_place *place_of(const struct kt_server_hello *hello)
{
    if (hello->is_retry) {
        return &retry_place;
    }
    return (hello->seen & KT_EXT_BIT(SUPPORTED_VERSIONS)) != 0 ? &hello_place : &hello12_place;
}

void kt_server_hello_encode(struct kt_writer *w, const struct kt_server_hello *hello)
{
    static const struct kt_span retry_random = {kt_retry_random, sizeof kt_retry_random};

    kt_message_open(w, KT_MSG_SERVER_HELLO);
    kt_put_u16(w, hello->legacy_version);
    kt_put_bytes(w, hello->is_retry ? retry_random : hello->random);
    kt_put_vec(w, 1, hello->session_id);
    kt_put_u16(w, hello->suite);
    kt_put_u8(w, hello->compression);
    if (hello->seen != 0) {
        kt_writer_open(w, 2);
        kt_exts_encode(w, place_of(hello), hello->seen, hello);
        kt_writer_close(w);
    }
    kt_writer_close(w);
}
