/*
 * client_hello.c - ClientHello (RFC 9846 section 4.2.2).
 */
#include "wire/ext.h"

enum { RANDOM_LEN = 32, SESSION_ID_MAX = 32 };

static const struct kt_ext_place place = {
    .home = IN_CH,
    .codecs =
        {
            [KT_EXT_SERVER_NAME] = &kt_ext_server_name_ch,
            [KT_EXT_MAX_FRAGMENT_LENGTH] = &kt_ext_max_fragment_length_ch,
            [KT_EXT_STATUS_REQUEST] = &kt_ext_status_request_ch,
            [KT_EXT_SUPPORTED_GROUPS] = &kt_ext_supported_groups_ch,
            [KT_EXT_EC_POINT_FORMATS] = &kt_ext_ec_point_formats_ch,
            [KT_EXT_SIGNATURE_ALGORITHMS] = &kt_ext_signature_algorithms_ch,
            [KT_EXT_ALPN] = &kt_ext_alpn_ch,
            [KT_EXT_SCT] = &kt_ext_empty,
            [KT_EXT_PADDING] = &kt_ext_padding_ch,
            [KT_EXT_ENCRYPT_THEN_MAC] = &kt_ext_empty,
            [KT_EXT_EXTENDED_MAIN_SECRET] = &kt_ext_empty,
            [KT_EXT_RECORD_SIZE_LIMIT] = &kt_ext_record_size_limit_ch,
            [KT_EXT_SESSION_TICKET] = &kt_ext_session_ticket_ch,
            [KT_EXT_PRE_SHARED_KEY] = &kt_ext_pre_shared_key_ch,
            [KT_EXT_EARLY_DATA] = &kt_ext_empty,
            [KT_EXT_SUPPORTED_VERSIONS] = &kt_ext_supported_versions_ch,
            [KT_EXT_COOKIE] = &kt_ext_cookie_ch,
            [KT_EXT_PSK_KEY_EXCHANGE_MODES] = &kt_ext_psk_key_exchange_modes_ch,
            [KT_EXT_CERTIFICATE_AUTHORITIES] = &kt_ext_certificate_authorities_ch,
            [KT_EXT_POST_HANDSHAKE_AUTH] = &kt_ext_empty,
            [KT_EXT_SIGNATURE_ALGORITHMS_CERT] = &kt_ext_signature_algorithms_cert_ch,
            [KT_EXT_KEY_SHARE] = &kt_ext_key_share_ch,
            [KT_EXT_TICKET_REQUEST] = &kt_ext_ticket_request_ch,
            [KT_EXT_RENEGOTIATION_INFO] = &kt_ext_renegotiation_info_ch,
        },
};

static bool has(const struct kt_client_hello *hello, uint32_t bit)
{
    return (hello->seen & bit) != 0;
}

/* Everything before the extensions, and whether they are there. */
static bool read_fixed_part(struct kt_reader *r, struct kt_client_hello *out)
{
    struct kt_span suites;

    if (!(kt_reader_u16(r, &out->legacy_version) && kt_reader_bytes(r, RANDOM_LEN, &out->random) &&
          kt_reader_vec8(r, &out->session_id) && out->session_id.len <= SESSION_ID_MAX && kt_reader_vec16(r, &suites) &&
          suites.len > 0 && suites.len % 2 == 0 && kt_reader_vec8(r, &out->compression) && out->compression.len > 0)) {
        return false;
    }
    out->suites.wire = suites;
    out->has_renegotiation_scsv = kt_id_list_has(out->suites, KT_SCSV_RENEGOTIATION);
    out->has_fallback_scsv = kt_id_list_has(out->suites, KT_SCSV_FALLBACK);
    out->has_extensions = !kt_reader_done(r);
    return true;
}

const struct kt_fault *kt_client_hello_decode(struct kt_span body, struct kt_client_hello *out)
{
    struct kt_reader r = kt_reader_over(body);
    struct kt_span block = {NULL, 0};

    *out = (struct kt_client_hello){.point_uncompressed = true};
    if (!(read_fixed_part(&r, out) && (!out->has_extensions || kt_exts_read(&r, &block)))) {
        KT_FAIL(CLIENT_HELLO_MALFORMED);
    }
    KT_TRY(kt_exts_decode(block, &place, 0, &out->seen, out));
    if (!kt_key_shares_fit(out->key_shares, has(out, KT_EXT_BIT(SUPPORTED_GROUPS)) ? &out->groups : NULL)) {
        KT_FAIL(KEY_SHARE_DUPLICATE);
    }
    if (has(out, KT_EXT_BIT(PRE_SHARED_KEY))) {
        out->psk_binders_at = (size_t)(out->psk_binders.p - body.p) - sizeof(uint16_t);
    }
    return NULL;
}

static void encode_extensions(struct kt_writer *w, const struct kt_client_hello *hello)
{
    static const uint8_t one_zero[1] = {0};

    kt_ext_encode_grease(w, hello->grease_ext[0], kt_span_of(NULL, 0));
    for (unsigned i = 0; i < KT_EXT_COUNT; i++) {
        unsigned ext = hello->order == NULL ? i : hello->order[i];

        if (ext != KT_EXT_PRE_SHARED_KEY && (hello->seen >> ext & 1u) != 0) {
            kt_ext_encode(w, &place, (enum kt_ext)ext, hello);
        }
    }
    /* Not empty, because there are servers that fail when the last extension is. */
    kt_ext_encode_grease(w, hello->grease_ext[1], kt_span_of(one_zero, sizeof one_zero));
    if (has(hello, KT_EXT_BIT(PRE_SHARED_KEY))) {
        kt_ext_encode(w, &place, KT_EXT_PRE_SHARED_KEY, hello);
    }
}

void kt_client_hello_encode(struct kt_writer *w, const struct kt_client_hello *hello)
{
    kt_message_open(w, KT_MSG_CLIENT_HELLO);
    kt_put_u16(w, hello->legacy_version);
    kt_put_bytes(w, hello->random);
    kt_put_vec(w, 1, hello->session_id);
    kt_put_vec(w, 2, hello->suites.wire);
    kt_put_vec(w, 1, hello->compression);
    if (hello->has_extensions || hello->seen != 0) {
        kt_writer_open(w, 2);
        encode_extensions(w, hello);
        kt_writer_close(w);
    }
    kt_writer_close(w);
}
