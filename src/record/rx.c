#include "record/rx.h"

#include "base/span.h"
#include "keys/schedule13.h"
#include "wire/reader.h"

enum {
    MAJOR_VERSION = 3,
    ASSEMBLY_FIRST = 512, /* what the first fragment of a message takes at least */
    UNKNOWN_MESSAGE_MAX = 1 << 16,
    /* Below this no message is too long: its codec says what is wrong with it, which is a decode_error. */
    MESSAGE_FLOOR = 256,
    ALERT_LEN = 2,
    ALERT_LEVEL_WARNING = 1,
};

void kt_rx_init(struct kt_rx *rx, const struct kt_watch *watch, size_t chain_limit)
{
    *rx = (struct kt_rx){
        .watch = *watch,
        .chain_limit = chain_limit,
        .content_max = KT_PLAINTEXT_MAX,
        .no_progress = kt_budget_of(KT_BUDGET_NO_PROGRESS),
    };
}

static void release(struct kt_rx *rx, uint8_t *memory, size_t len)
{
    const struct kt_env *env = rx->watch.env;

    if (memory != NULL) {
        kt_wipe(memory, len);
        env->release(env->user, memory, len);
    }
}

static void drop_assembly(struct kt_rx *rx)
{
    release(rx, rx->assembly, rx->assembly_cap);
    rx->assembly = NULL;
    rx->assembly_len = 0;
    rx->assembly_cap = 0;
    rx->assembly_shown = false;
}

static void drop_buffer(struct kt_rx *rx)
{
    release(rx, rx->buffer, KT_RX_BUFFER);
    rx->buffer = NULL;
    rx->head = 0;
    rx->tail = 0;
    rx->at = NULL;
    rx->end = NULL;
}

void kt_rx_free(struct kt_rx *rx)
{
    drop_assembly(rx);
    drop_buffer(rx);
    kt_protection_clear(&rx->protection);
    kt_wipe(rx, sizeof *rx);
}

void kt_rx_rest(struct kt_rx *rx)
{
    if (rx->head == rx->tail && rx->at == rx->end) {
        drop_buffer(rx);
    }
}

void kt_rx_limit(struct kt_rx *rx, size_t content_max)
{
    rx->content_max = content_max;
}

/* A message that began in an earlier record and is not whole yet. */
static bool assembling(const struct kt_rx *rx)
{
    return rx->assembly_len > 0 && !rx->assembly_shown;
}

/* ---- the buffer ---- */

static size_t unopened(const struct kt_rx *rx)
{
    return rx->tail - rx->head;
}

/* How many bytes the record at head still lacks, as far as its header tells. */
static size_t lacking(const struct kt_rx *rx)
{
    struct kt_reader r;
    uint16_t len;
    size_t have = unopened(rx);

    if (have < KT_RECORD_HEADER) {
        return KT_RECORD_HEADER - have;
    }
    r = kt_reader_over(kt_span_of(rx->buffer + rx->head, have));
    if (!(kt_reader_skip(&r, 3) && kt_reader_u16(&r, &len)) || kt_reader_left(&r) >= len) {
        return 0;
    }
    return len - kt_reader_left(&r);
}

/* Moves the unopened bytes to the front, when the record they begin would not fit where it is. */
static void compact(struct kt_rx *rx)
{
    size_t have = unopened(rx);

    if (rx->at != rx->end) {
        return; /* what was shown stays where it is */
    }
    if (have == 0 || KT_RX_BUFFER - rx->tail < lacking(rx)) {
        if (have > 0) {
            memmove(rx->buffer, rx->buffer + rx->head, have);
        }
        rx->head = 0;
        rx->tail = have;
        rx->at = NULL;
        rx->end = NULL;
    }
}

uint8_t *kt_rx_room(struct kt_rx *rx, size_t *len)
{
    const struct kt_env *env = rx->watch.env;

    *len = 0;
    if (rx->buffer == NULL) {
        rx->buffer = env->alloc(env->user, KT_RX_BUFFER);
    }
    if (rx->buffer == NULL) {
        return NULL;
    }
    compact(rx);
    *len = KT_RX_BUFFER - rx->tail;
    return *len == 0 ? NULL : rx->buffer + rx->tail;
}

const struct kt_fault *kt_rx_filled(struct kt_rx *rx, size_t n)
{
    if (n > (rx->buffer == NULL ? 0 : KT_RX_BUFFER - rx->tail)) {
        KT_FAIL(USAGE_TOO_MUCH);
    }
    rx->tail += n;
    return NULL;
}

/* ---- record headers ---- */

struct header {
    uint8_t type;
    bool is_protected;
    size_t len; /* of the fragment */
};

static bool type_known(uint8_t type)
{
    return type >= KT_CONTENT_CCS && type <= KT_CONTENT_DATA;
}

/*
 * Judges the first bytes as soon as they are there: who speaks HTTP or SSLv2 to us waits for an answer and
 * may never send a whole header. The minor version says nothing (RFC 9846 section 5.1).
 */
static const struct kt_fault *check_start(const struct kt_rx *rx, struct kt_span bytes)
{
    bool type_good = bytes.len < 1 || type_known(bytes.p[0]);
    bool version_good = bytes.len < 2 || bytes.p[1] == MAJOR_VERSION;

    if (!rx->seen_any && !(type_good && version_good)) {
        KT_FAIL(RECORD_NOT_TLS);
    }
    if (!type_good) {
        KT_FAIL(RECORD_TYPE_UNKNOWN);
    }
    if (!version_good) {
        KT_FAIL(RECORD_VERSION_BAD);
    }
    return NULL;
}

/*
 * What may come unprotected: everything but data before there are keys; then change_cipher_spec (appendix
 * D.4) and the alert of a peer that failed before it had keys of its own.
 */
static const struct kt_fault *check_outer_type(const struct kt_rx *rx, uint8_t type)
{
    const struct kt_protection *p = &rx->protection;
    bool alert_before_keys = type == KT_CONTENT_ALERT && !rx->application && p->sequence == 0;

    if (kt_protection_is12(p)) {
        return NULL; /* all are protected, and say what they are */
    }
    if (!kt_protection_on(p)) {
        if (type == KT_CONTENT_DATA && !rx->skip_all_data) {
            KT_FAIL(APPLICATION_DATA_EARLY);
        }
        return NULL;
    }
    if (type != KT_CONTENT_DATA && type != KT_CONTENT_CCS && !alert_before_keys) {
        KT_FAIL(RECORD_NOT_PROTECTED);
    }
    return NULL;
}

/* Whether a record of that type is one to be opened: in TLS 1.3 those that say they are data. */
static bool is_sealed(const struct kt_rx *rx, uint8_t type)
{
    return kt_protection_is12(&rx->protection) || type == KT_CONTENT_DATA;
}

static size_t fragment_max(const struct kt_rx *rx, uint8_t type)
{
    if (kt_protection_is12(&rx->protection)) {
        return kt_protection_fragment_max(&rx->protection, KT_PLAINTEXT_MAX);
    }
    return type == KT_CONTENT_DATA ? KT_CIPHERTEXT_MAX : KT_PLAINTEXT_MAX;
}

/* Looks at the record at head, as far as it is there; *whole when its fragment is, too. */
static const struct kt_fault *look(struct kt_rx *rx, struct header *h, bool *whole)
{
    struct kt_span bytes = kt_span_of(rx->buffer, 0);
    struct kt_reader r;
    uint16_t version, len;

    if (unopened(rx) > 0) {
        bytes = kt_span_of(rx->buffer + rx->head, unopened(rx));
    }
    *whole = false;
    KT_TRY(check_start(rx, bytes));
    r = kt_reader_over(bytes);
    if (!(kt_reader_u8(&r, &h->type) && kt_reader_u16(&r, &version) && kt_reader_u16(&r, &len))) {
        return NULL;
    }
    rx->seen_any = true;
    h->len = len;
    KT_TRY(check_outer_type(rx, h->type));
    h->is_protected = is_sealed(rx, h->type);
    if (h->is_protected && rx->version != 0 && version != rx->version) {
        KT_FAIL(RECORD_VERSION_BAD); /* it would be no authentic one, either */
    }
    if (h->len > fragment_max(rx, h->type)) {
        KT_FAIL(RECORD_TOO_LONG);
    }
    *whole = kt_reader_left(&r) >= h->len;
    return NULL;
}

/* ---- records ---- */

static void tell_record(const struct kt_rx *rx, uint8_t type, bool is_protected, size_t wire_len, size_t content_len)
{
    if (kt_watched(&rx->watch)) {
        kt_notify(&rx->watch, &(struct kt_notice){
                                  .kind = KT_NOTICE_RECORD,
                                  .direction = KT_RECEIVING,
                                  .u.record = {type, is_protected, wire_len, content_len, rx->epoch.number},
                              });
    }
}

/* Early data that was refused (RFC 9846 section 4.3.10). The header counts, too: nothing is for nothing. */
static const struct kt_fault *skip(struct kt_rx *rx, size_t record_len)
{
    if (record_len >= rx->skip_early) {
        KT_FAIL(EARLY_DATA_TOO_LONG);
    }
    rx->skip_early -= record_len;
    rx->content_type = KT_CONTENT_DATA;
    rx->at = NULL;
    rx->end = NULL;
    return NULL;
}

static void end_skipping(struct kt_rx *rx)
{
    rx->skip_early = 0;
    rx->skip_all_data = false;
}

static const struct kt_fault *spend_patience(struct kt_rx *rx)
{
    if (!kt_budget_spend(&rx->no_progress)) {
        KT_FAIL(NO_PROGRESS);
    }
    return NULL;
}

/* An alert has a record of its own (RFC 9846 section 5.1). Those that a peer may ignore must not come for
 * ever. */
static const struct kt_fault *check_alert(struct kt_rx *rx, struct kt_span content)
{
    if (content.len == 0) {
        KT_FAIL(RECORD_EMPTY);
    }
    if (content.len != ALERT_LEN) {
        KT_FAIL(ALERT_MALFORMED);
    }
    if (content.p[1] == KT_ALERT_USER_CANCELED ||
        (content.p[0] == ALERT_LEVEL_WARNING && content.p[1] != KT_ALERT_CLOSE_NOTIFY)) {
        return spend_patience(rx);
    }
    return NULL;
}

/* Empty data is allowed, to hide the length of traffic (RFC 9846 section 5.1), but it is no progress. */
static const struct kt_fault *check_data(struct kt_rx *rx, struct kt_span content)
{
    if (rx->without_data) {
        KT_FAIL(APPLICATION_DATA_EARLY);
    }
    if (content.len == 0) {
        return spend_patience(rx);
    }
    rx->no_progress.left = rx->no_progress.cap;
    return NULL;
}

/* Under keys of TLS 1.2 and below it is what ends them (RFC 5246 section 7.1); TLS 1.3 has none under keys. */
static const struct kt_fault *check_ccs(const struct kt_rx *rx, struct kt_span content, bool is_protected)
{
    if (is_protected && !kt_protection_is12(&rx->protection)) {
        KT_FAIL(CCS_NOT_EXPECTED);
    }
    if (content.len != 1 || content.p[0] != 1) {
        KT_FAIL(CCS_MALFORMED);
    }
    return NULL;
}

/*
 * Nothing stands inside a fragmented message (RFC 9846 section 5.1) but the last word of a peer that cannot finish it:
 * what it failed for is worth more than the complaint.
 */
static bool may_interrupt(uint8_t type, struct kt_span content)
{
    return type == KT_CONTENT_HANDSHAKE ||
           (type == KT_CONTENT_ALERT && content.len == ALERT_LEN && content.p[1] != KT_ALERT_CLOSE_NOTIFY &&
            content.p[1] != KT_ALERT_USER_CANCELED);
}

/* A record was opened: from here on its content is what kt_rx_next takes from. */
static const struct kt_fault *begin_content(struct kt_rx *rx, uint8_t type, struct kt_span content, bool is_protected,
                                            size_t wire_len)
{
    tell_record(rx, type, is_protected, wire_len, content.len);
    if (assembling(rx) && !may_interrupt(type, content)) {
        KT_FAIL(RECORD_INTERLEAVED);
    }
    rx->content_type = type;
    rx->at = content.p;
    rx->end = content.p + content.len;
    switch (type) {
    case KT_CONTENT_HANDSHAKE:
        end_skipping(rx);
        if (content.len == 0) {
            KT_FAIL(RECORD_EMPTY);
        }
        return NULL;
    case KT_CONTENT_ALERT:
        return check_alert(rx, content);
    case KT_CONTENT_DATA:
        return check_data(rx, content);
    case KT_CONTENT_CCS:
        return check_ccs(rx, content, is_protected);
    default:
        KT_FAIL(RECORD_TYPE_UNKNOWN);
    }
}

/* RFC 8449 section 4: in TLS 1.3 type and padding count, so what the record has besides is of fixed length. */
static bool above_limit(const struct kt_rx *rx, size_t record_len, struct kt_span content)
{
    if (kt_protection_is12(&rx->protection)) {
        return content.len > rx->content_max;
    }
    return record_len > KT_RECORD_HEADER + rx->content_max + 1 + KT_TAG_LEN;
}

static const struct kt_fault *open_protected(struct kt_rx *rx, uint8_t *record, size_t record_len)
{
    uint8_t type;
    struct kt_span content;
    const struct kt_fault *fault = kt_protection_open(&rx->protection, record, record_len, &type, &content);

    if (fault != NULL && fault->reason == KT_REASON_RECORD_BAD_MAC && rx->skip_early > 0) {
        return skip(rx, record_len);
    }
    KT_TRY(fault);
    end_skipping(rx);
    if (above_limit(rx, record_len, content)) {
        KT_FAIL(RECORD_TOO_LONG);
    }
    if (rx->application) {
        kt_epoch_count(&rx->epoch, content.len);
    }
    return begin_content(rx, type, content, true, record_len);
}

/* Opens the record at head, if it is whole. */
static const struct kt_fault *next_record(struct kt_rx *rx, bool *opened)
{
    struct header h;
    uint8_t *record;
    size_t record_len;

    KT_TRY(look(rx, &h, opened));
    if (!*opened) {
        return NULL;
    }
    record = rx->buffer + rx->head;
    record_len = KT_RECORD_HEADER + h.len;
    rx->head += record_len;
    if (h.is_protected) {
        return rx->skip_all_data ? skip(rx, record_len) : open_protected(rx, record, record_len);
    }
    return begin_content(rx, h.type, kt_span_of(record + KT_RECORD_HEADER, h.len), false, record_len);
}

/* ---- handshake messages ---- */

/* The header of a message: false while it is not whole. */
static bool message_header(struct kt_span bytes, uint8_t *type, size_t *whole)
{
    struct kt_reader r = kt_reader_over(bytes);
    uint32_t len;

    if (!(kt_reader_u8(&r, type) && kt_reader_u24(&r, &len))) {
        return false;
    }
    *whole = KT_MESSAGE_HEADER + (size_t)len;
    return true;
}

static const struct kt_fault *check_message(const struct kt_rx *rx, uint8_t type, size_t whole)
{
    size_t limit = kt_message_limit(type);

    if (type == KT_MSG_CERTIFICATE || type == KT_MSG_CERTIFICATE_STATUS) { /* in TLS 1.3 the first holds the other */
        limit = rx->chain_limit;
    } else if (kt_message_name(type) == NULL) {
        limit = UNKNOWN_MESSAGE_MAX;
    }
    if (whole - KT_MESSAGE_HEADER > (limit < MESSAGE_FLOOR ? MESSAGE_FLOOR : limit)) {
        KT_FAIL(MESSAGE_TOO_LONG);
    }
    return NULL;
}

static void show_message(const struct kt_rx *rx, const uint8_t *p, uint8_t type, size_t whole, struct kt_incoming *out)
{
    out->event = KT_RX_MESSAGE;
    out->message = (struct kt_message){
        .type = type,
        .last_in_record = rx->at == rx->end,
        .whole = kt_span_of(p, whole),
        .body = kt_span_of(p + KT_MESSAGE_HEADER, whole - KT_MESSAGE_HEADER),
    };
}

/* Shows a message that lies in this record where it is. */
static const struct kt_fault *message_in_place(struct kt_rx *rx, struct kt_incoming *out, bool *shown)
{
    const uint8_t *p = rx->at;
    size_t have = (size_t)(rx->end - rx->at);
    uint8_t type;
    size_t whole;

    if (!message_header(kt_span_of(p, have), &type, &whole)) {
        return NULL;
    }
    KT_TRY(check_message(rx, type, whole));
    if (have >= whole) {
        rx->at += whole;
        show_message(rx, p, type, whole, out);
        *shown = true;
    }
    return NULL;
}

/* Grows by what has arrived, not by what the peer says will come: who promises 16 MiB has to send them. */
static const struct kt_fault *grow_assembly(struct kt_rx *rx, size_t need)
{
    const struct kt_env *env = rx->watch.env;
    size_t cap = rx->assembly_cap * 2 > ASSEMBLY_FIRST ? rx->assembly_cap * 2 : ASSEMBLY_FIRST;
    uint8_t *memory;

    if (need <= rx->assembly_cap) {
        return NULL;
    }
    cap = cap > need ? cap : need;
    memory = env->alloc(env->user, cap);
    if (memory == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    kt_copy(memory, rx->assembly, rx->assembly_len);
    release(rx, rx->assembly, rx->assembly_cap);
    rx->assembly = memory;
    rx->assembly_cap = cap;
    return NULL;
}

/* Takes from this record until the assembly is `len` bytes long or the record is at its end. */
static const struct kt_fault *assemble_to(struct kt_rx *rx, size_t len)
{
    size_t have = (size_t)(rx->end - rx->at);
    size_t n = len - rx->assembly_len < have ? len - rx->assembly_len : have;

    KT_TRY(grow_assembly(rx, rx->assembly_len + n));
    kt_copy(rx->assembly + rx->assembly_len, rx->at, n);
    rx->assembly_len += n;
    rx->at += n;
    return NULL;
}

static const struct kt_fault *assemble(struct kt_rx *rx, struct kt_incoming *out, bool *shown)
{
    uint8_t type;
    size_t whole;

    if (rx->assembly_len < KT_MESSAGE_HEADER) {
        KT_TRY(assemble_to(rx, KT_MESSAGE_HEADER));
    }
    if (!message_header(kt_span_of(rx->assembly, rx->assembly_len), &type, &whole)) {
        return NULL;
    }
    KT_TRY(check_message(rx, type, whole));
    KT_TRY(assemble_to(rx, whole));
    if (rx->assembly_len == whole) {
        rx->assembly_shown = true;
        show_message(rx, rx->assembly, type, whole, out);
        *shown = true;
    }
    return NULL;
}

static const struct kt_fault *take_message(struct kt_rx *rx, struct kt_incoming *out, bool *shown)
{
    if (!assembling(rx)) {
        KT_TRY(message_in_place(rx, out, shown));
    }
    return *shown ? NULL : assemble(rx, out, shown);
}

/* ---- events ---- */

static void take_alert(struct kt_rx *rx, struct kt_incoming *out)
{
    out->event = KT_RX_ALERT;
    out->alert_level = rx->at[0];
    out->alert = rx->at[1];
    rx->at = rx->end;
    if (kt_watched(&rx->watch)) {
        kt_notify(&rx->watch, &(struct kt_notice){
                                  .kind = KT_NOTICE_ALERT,
                                  .direction = KT_RECEIVING,
                                  .u.alert = {out->alert_level, out->alert},
                              });
    }
}

/* Takes from the opened record; it may show nothing, when a message goes on in the next one. */
static const struct kt_fault *take_content(struct kt_rx *rx, struct kt_incoming *out, bool *shown)
{
    if (rx->content_type == KT_CONTENT_HANDSHAKE) {
        return take_message(rx, out, shown);
    }
    *shown = true;
    if (rx->content_type == KT_CONTENT_ALERT) {
        take_alert(rx, out);
    } else if (rx->content_type == KT_CONTENT_CCS) {
        out->event = KT_RX_CCS;
        rx->at = rx->end;
    } else {
        out->event = KT_RX_DATA;
        out->data = kt_span_of(rx->at, (size_t)(rx->end - rx->at));
    }
    return NULL;
}

const struct kt_fault *kt_rx_next(struct kt_rx *rx, struct kt_incoming *out)
{
    bool shown = false;
    bool opened = true;

    if (rx->assembly_shown) {
        drop_assembly(rx);
    }
    *out = (struct kt_incoming){.event = KT_RX_NEED};
    while (opened && !shown) {
        if (rx->at == rx->end) {
            KT_TRY(next_record(rx, &opened));
        } else {
            KT_TRY(take_content(rx, out, &shown));
        }
    }
    return NULL;
}

const struct kt_fault *kt_rx_data_done(struct kt_rx *rx, size_t n)
{
    size_t have = rx->content_type == KT_CONTENT_DATA ? (size_t)(rx->end - rx->at) : 0;

    if (n > have) {
        KT_FAIL(USAGE_TOO_MUCH);
    }
    if (n > 0) {
        rx->at += n;
    }
    return NULL;
}

bool kt_rx_at_boundary(const struct kt_rx *rx)
{
    return !assembling(rx) && (rx->content_type != KT_CONTENT_HANDSHAKE || rx->at == rx->end);
}

/* ---- keys ---- */

static void begin_epoch(struct kt_rx *rx, uint64_t number, enum kt_birth birth, uint64_t now_ms)
{
    kt_epoch_begin(&rx->epoch, number, birth, now_ms);
    if (kt_watched(&rx->watch)) {
        kt_notify(&rx->watch, &(struct kt_notice){
                                  .kind = KT_NOTICE_EPOCH,
                                  .direction = KT_RECEIVING,
                                  .u.epoch = kt_epoch_info(&rx->epoch),
                              });
    }
}

const struct kt_fault *kt_rx_protect(struct kt_rx *rx, const struct kt_suite *suite, const struct kt_secret *secret,
                                     bool application, uint64_t now_ms)
{
    if (!kt_rx_at_boundary(rx)) {
        KT_FAIL(KEY_CHANGE_INSIDE_MESSAGE);
    }
    KT_TRY(kt_protection_set(&rx->protection, KT_RECEIVING, suite, secret));
    rx->suite = suite;
    rx->application = application;
    if (application) {
        rx->secret = *secret;
        begin_epoch(rx, 0, KT_BIRTH_INITIAL, now_ms);
    }
    return NULL;
}

const struct kt_fault *kt_rx_change(struct kt_rx *rx, const struct kt_suite *suite, const struct kt_keys12 *keys,
                                    enum kt_birth birth, uint64_t now_ms)
{
    if (!kt_rx_at_boundary(rx)) {
        KT_FAIL(KEY_CHANGE_INSIDE_MESSAGE);
    }
    if (rx->application && rx->epoch.number >= KT_EPOCH_LAST) {
        KT_FAIL(LIFETIME_EPOCHS_SPENT);
    }
    KT_TRY(kt_protection_set12(&rx->protection, KT_RECEIVING, suite, keys));
    rx->suite = suite;
    rx->version = keys->version;
    begin_epoch(rx, rx->application ? rx->epoch.number + 1 : 0, birth, now_ms);
    rx->application = true;
    return NULL;
}

const struct kt_fault *kt_rx_next_epoch(struct kt_rx *rx, enum kt_birth birth, uint64_t now_ms)
{
    if (!kt_rx_at_boundary(rx)) {
        KT_FAIL(KEY_CHANGE_INSIDE_MESSAGE);
    }
    if (!rx->application || kt_protection_is12(&rx->protection)) {
        KT_FAIL(USAGE_STATE);
    }
    kt_traffic_secret_next(rx->suite->hash, &rx->secret);
    KT_TRY(kt_protection_set(&rx->protection, KT_RECEIVING, rx->suite, &rx->secret));
    begin_epoch(rx, rx->epoch.number + 1, birth, now_ms);
    return NULL;
}
