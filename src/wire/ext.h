/*
 * ext.h - what the codecs of messages share: the header, the extensions, and the walk over a block of them.
 *
 * Each extension has a file in wire/ext/ with a struct kt_ext_codec for each form it takes. A message lists
 * the codecs of those it may hold as its struct kt_ext_place; the walk checks what is the same for all and
 * calls them.
 */
#ifndef KT_EXT_H
#define KT_EXT_H

#include "wire/messages.h"

/* One form of one extension: between the whole content and the members of the message it stands in. */
struct kt_ext_codec {
    KT_MUST_USE const struct kt_fault *(*decode)(struct kt_span content, void *message);
    void (*encode)(struct kt_writer *w, const void *message);
};

/* A message that holds extensions; the codecs are those of registry/exts.def for this home. */
struct kt_ext_place {
    enum kt_ext_home home;
    const struct kt_ext_codec *codecs[KT_EXT_COUNT];
};

/* The four-byte header; kt_writer_close ends the message. */
static inline void kt_message_open(struct kt_writer *w, enum kt_message_type type)
{
    kt_put_u8(w, (uint8_t)type);
    kt_writer_open(w, 3);
}

/* Reads the block that ends a message: nothing follows it and it divides into extensions. */
KT_MUST_USE bool kt_exts_read(struct kt_reader *r, struct kt_span *block);
KT_MUST_USE bool kt_exts_divide(struct kt_span block);

/* Whether a block that divides has the extension. */
bool kt_exts_have(struct kt_span block, enum kt_ext ext);

/*
 * Decodes a block that divides into `message`; `seen` may be a member of it. `offered` is held against what
 * an answer contains (the IN_ANSWERS of ext_walk.c) and not looked at elsewhere.
 */
KT_MUST_USE const struct kt_fault *kt_exts_decode(struct kt_span block, const struct kt_ext_place *place,
                                                  uint32_t offered, uint32_t *seen, void *message);

/* What is in `seen`, in the order of exts.def. The caller opens and closes the block. */
void kt_exts_encode(struct kt_writer *w, const struct kt_ext_place *place, uint32_t seen, const void *message);
/* One extension with its header, and one that means nothing (RFC 8701), if `number` is not 0. */
void kt_ext_encode(struct kt_writer *w, const struct kt_ext_place *place, enum kt_ext ext, const void *message);
void kt_ext_encode_grease(struct kt_writer *w, uint16_t number, struct kt_span content);

/* Forms that several extensions have (ext_forms.c). */

/* One vector with a length of `size` bytes and nothing behind it. */
KT_MUST_USE bool kt_form_vec(struct kt_span content, size_t size, struct kt_span *out);
/* The same around 16-bit numbers, at least one. */
KT_MUST_USE bool kt_form_ids(struct kt_span content, size_t size, struct kt_id_list *out);
/* The content of a list divides into entries with a length of `size` bytes, none of them empty; the list may
 * be. */
KT_MUST_USE bool kt_form_entries(struct kt_span list, size_t size);

/* Says whether no group has two shares and all are in `groups` (NULL: any group may have one). */
KT_MUST_USE bool kt_key_shares_fit(struct kt_span shares, const struct kt_id_list *groups);

/* The codecs, named by extension and message (ext/). */
extern const struct kt_ext_codec kt_ext_empty; /* any extension that only is there or not */
extern const struct kt_ext_codec kt_ext_server_name_ch;
extern const struct kt_ext_codec kt_ext_max_fragment_length_ch;
extern const struct kt_ext_codec kt_ext_max_fragment_length_ee;
extern const struct kt_ext_codec kt_ext_max_fragment_length_sh12;
extern const struct kt_ext_codec kt_ext_status_request_ch;
extern const struct kt_ext_codec kt_ext_status_request_ct;
extern const struct kt_ext_codec kt_ext_supported_groups_ch;
extern const struct kt_ext_codec kt_ext_supported_groups_ee;
extern const struct kt_ext_codec kt_ext_ec_point_formats_ch;
extern const struct kt_ext_codec kt_ext_ec_point_formats_sh12;
extern const struct kt_ext_codec kt_ext_signature_algorithms_ch;
extern const struct kt_ext_codec kt_ext_signature_algorithms_cr;
extern const struct kt_ext_codec kt_ext_signature_algorithms_cert_ch;
extern const struct kt_ext_codec kt_ext_signature_algorithms_cert_cr;
extern const struct kt_ext_codec kt_ext_alpn_ch;
extern const struct kt_ext_codec kt_ext_alpn_ee;
extern const struct kt_ext_codec kt_ext_alpn_sh12;
extern const struct kt_ext_codec kt_ext_sct_ct;
extern const struct kt_ext_codec kt_ext_sct_sh12;
extern const struct kt_ext_codec kt_ext_padding_ch;
extern const struct kt_ext_codec kt_ext_record_size_limit_ch;
extern const struct kt_ext_codec kt_ext_record_size_limit_ee;
extern const struct kt_ext_codec kt_ext_record_size_limit_sh12;
extern const struct kt_ext_codec kt_ext_session_ticket_ch;
extern const struct kt_ext_codec kt_ext_pre_shared_key_ch;
extern const struct kt_ext_codec kt_ext_pre_shared_key_sh;
extern const struct kt_ext_codec kt_ext_early_data_nst;
extern const struct kt_ext_codec kt_ext_supported_versions_ch;
extern const struct kt_ext_codec kt_ext_supported_versions_sh; /* and HelloRetryRequest */
extern const struct kt_ext_codec kt_ext_cookie_ch;
extern const struct kt_ext_codec kt_ext_cookie_hrr;
extern const struct kt_ext_codec kt_ext_psk_key_exchange_modes_ch;
extern const struct kt_ext_codec kt_ext_certificate_authorities_ch;
extern const struct kt_ext_codec kt_ext_certificate_authorities_cr;
extern const struct kt_ext_codec kt_ext_oid_filters_cr;
extern const struct kt_ext_codec kt_ext_key_share_ch;
extern const struct kt_ext_codec kt_ext_key_share_sh;
extern const struct kt_ext_codec kt_ext_key_share_hrr;
extern const struct kt_ext_codec kt_ext_ticket_request_ch;
extern const struct kt_ext_codec kt_ext_ticket_request_ee;
extern const struct kt_ext_codec kt_ext_renegotiation_info_ch;
extern const struct kt_ext_codec kt_ext_renegotiation_info_sh12;

#endif
