#include "record/tx.h"

#include "base/span.h"
#include "keys/schedule13.h"
#include "wire/messages.h"
#include "wire/messages12.h"

enum {
    OVERHEAD13 = KT_RECORD_HEADER + 1 + KT_TAG_LEN, /* of a protected record without padding */
    OVERHEAD_MAX = KT_RECORD_HEADER + KT_CBC_BLOCK + KT_MAC_MAX + KT_CBC_BLOCK, /* of any */
    SPLIT_MAX = KT_RECORD_HEADER + KT_MAC_MAX + 2 * KT_CBC_BLOCK,               /* the first of two records below */
    KEY_UPDATE_LEN = KT_MESSAGE_HEADER + 1,
    ALERT_LEN = 2,
    CCS_LEN = 1,
    FIRST_VERSION = 0x0301,
};

/*
 * What the reserve is for: an update, and behind it user_canceled and close_notify or one fatal alert. Of TLS 1.2 and
 * below the two alerts, or one and before it change_cipher_spec or a HelloRequest.
 */
_Static_assert((OVERHEAD13 + KEY_UPDATE_LEN) + 2 * (OVERHEAD13 + ALERT_LEN) <= KT_TX_RESERVE, "the reserve");
_Static_assert(2 * (OVERHEAD_MAX + KT_MESSAGE_HEADER) <= KT_TX_RESERVE, "the reserve of CBC");
_Static_assert(2 * (SPLIT_MAX + OVERHEAD_MAX + KT_PLAINTEXT_MAX) + KT_TX_RESERVE <= KT_TX_BUFFER,
               "two full records fit");

void kt_tx_init(struct kt_tx *tx, const struct kt_watch *watch, size_t padding)
{
    *tx = (struct kt_tx){
        .watch = *watch,
        .padding = padding,
        .content_max = KT_PLAINTEXT_MAX,
        .version = KT_TLS_1_2,
    };
}

static void drop_buffer(struct kt_tx *tx)
{
    const struct kt_env *env = tx->watch.env;

    if (tx->buffer != NULL) {
        kt_wipe(tx->buffer, KT_TX_BUFFER);
        env->release(env->user, tx->buffer, KT_TX_BUFFER);
    }
    tx->buffer = NULL;
    tx->head = 0;
    tx->tail = 0;
    tx->lent = 0;
}

void kt_tx_free(struct kt_tx *tx)
{
    drop_buffer(tx);
    kt_protection_clear(&tx->protection);
    kt_wipe(tx, sizeof *tx);
}

void kt_tx_rest(struct kt_tx *tx)
{
    if (!kt_tx_has_output(tx)) {
        drop_buffer(tx);
    }
}

static const struct kt_fault *take_buffer(struct kt_tx *tx)
{
    const struct kt_env *env = tx->watch.env;

    if (tx->buffer == NULL) {
        tx->buffer = env->alloc(env->user, KT_TX_BUFFER);
    }
    if (tx->buffer == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    return NULL;
}

/* ---- room ---- */

static size_t overhead(const struct kt_tx *tx)
{
    return kt_protection_overhead(&tx->protection);
}

/* Where the content of a record that begins at tail stands. */
static size_t content_at(const struct kt_tx *tx)
{
    return tx->tail + KT_RECORD_HEADER + tx->protection.lead;
}

/*
 * What the record of one byte takes that goes before other data where the IV is the last block sent: who chose the data
 * has seen that block, but cannot see the MAC of that byte (the attack is described in RFC 4346 section 1.1).
 */
static size_t split_len(const struct kt_tx *tx)
{
    return kt_protection_is_chained(&tx->protection) ? kt_protection_record_len(&tx->protection, 1) : 0;
}

/* Where the next record will begin: behind the open one, which is finished first. */
static size_t next_at(const struct kt_tx *tx)
{
    return tx->tail + (tx->open_len > 0 ? overhead(tx) + tx->open_len : 0);
}

static bool fits(const struct kt_tx *tx, size_t len)
{
    return next_at(tx) + len <= KT_TX_BUFFER;
}

/* Zeros behind this much content, up to a multiple as far as the record and the room allow (RFC 9846 section 5.4). */
static size_t padding_of(const struct kt_tx *tx, size_t len)
{
    size_t end = tx->tail + OVERHEAD13 + len + KT_TX_RESERVE;
    size_t room = end < KT_TX_BUFFER ? KT_TX_BUFFER - end : 0;
    size_t most = tx->content_max - len < room ? tx->content_max - len : room;
    bool can_pad = tx->padding > 1 && !kt_protection_is12(&tx->protection);
    size_t want = can_pad && len % tx->padding != 0 ? tx->padding - len % tx->padding : 0;

    return want < most ? want : most;
}

/* ---- making records ---- */

static void tell_record(const struct kt_tx *tx, uint8_t type, bool is_protected, size_t wire_len, size_t content_len)
{
    if (kt_watched(&tx->watch)) {
        kt_notify(&tx->watch, &(struct kt_notice){
                                  .kind = KT_NOTICE_RECORD,
                                  .direction = KT_SENDING,
                                  .u.record = {type, is_protected, wire_len, content_len, tx->epoch.number},
                              });
    }
}

/* RFC 9846 section 5.1: the first ClientHello may look older than it is, for the sake of old middleboxes. */
static uint16_t version_of(const struct kt_tx *tx, uint8_t type, const uint8_t *src)
{
    bool first_hello = !tx->sent_any && type == KT_CONTENT_HANDSHAKE && src[0] == KT_MSG_CLIENT_HELLO;

    return first_hello ? FIRST_VERSION : tx->version;
}

static void emit_plain(struct kt_tx *tx, uint8_t type, const uint8_t *src, size_t len)
{
    uint8_t *record = tx->buffer + tx->tail;
    struct kt_writer w = kt_writer_over(record, KT_RECORD_HEADER);

    kt_put_u8(&w, type);
    kt_put_u16(&w, version_of(tx, type, src));
    kt_put_u16(&w, (uint16_t)len);
    if (src != record + KT_RECORD_HEADER) {
        kt_copy(record + KT_RECORD_HEADER, src, len);
    }
    tx->tail += KT_RECORD_HEADER + len;
    tx->lent = 0;
    tx->sent_any = true;
    tell_record(tx, type, false, KT_RECORD_HEADER + len, len);
}

/* Nobody may know the IV of a record before all of its content is chosen (RFC 5246 section 6.2.3.2). */
static const struct kt_fault *put_iv(struct kt_tx *tx)
{
    const struct kt_env *env = tx->watch.env;

    if (kt_protection_wants_iv(&tx->protection) &&
        !env->random(env->user, tx->buffer + tx->tail + KT_RECORD_HEADER, tx->protection.lead)) {
        KT_FAIL(RANDOM_FAILED);
    }
    return NULL;
}

/* A record at tail. The caller has made sure that it fits there without padding, and that none is open. */
static const struct kt_fault *emit(struct kt_tx *tx, uint8_t type, const uint8_t *src, size_t len)
{
    size_t record_len;

    if (!kt_protection_on(&tx->protection)) {
        emit_plain(tx, type, src, len);
        return NULL;
    }
    KT_TRY(put_iv(tx));
    KT_TRY(
        kt_protection_seal(&tx->protection, type, src, len, padding_of(tx, len), tx->buffer + tx->tail, &record_len));
    tx->tail += record_len;
    tx->lent = 0;
    tx->sent_any = true;
    if (tx->application) {
        kt_epoch_count(&tx->epoch, len);
    }
    tell_record(tx, type, true, record_len, len);
    return NULL;
}

/* It is open no more even when sealing fails: in place, what was content is then of no use, and no record. */
const struct kt_fault *kt_tx_finish_record(struct kt_tx *tx)
{
    size_t len = tx->open_len;

    tx->open_len = 0;
    return len == 0 ? NULL : emit(tx, KT_CONTENT_HANDSHAKE, tx->buffer + content_at(tx), len);
}

const struct kt_fault *kt_tx_limit(struct kt_tx *tx, size_t content_max)
{
    KT_TRY(kt_tx_finish_record(tx));
    tx->content_max = content_max;
    return NULL;
}

/* Makes ready for a record of `len` bytes of content that may use the reserve. */
static const struct kt_fault *begin_control(struct kt_tx *tx, size_t len)
{
    KT_TRY(take_buffer(tx));
    KT_TRY(kt_tx_finish_record(tx));
    if (!fits(tx, overhead(tx) + len)) {
        KT_FAIL(BUFFER_TOO_SMALL);
    }
    return NULL;
}

/* ---- output ---- */

bool kt_tx_has_output(const struct kt_tx *tx)
{
    return tx->head < tx->tail || tx->open_len > 0;
}

/* Back to the front when all was sent; not under memory that was lent and is being filled. */
static void reset_when_empty(struct kt_tx *tx)
{
    if (!kt_tx_has_output(tx) && tx->lent == 0) {
        tx->head = 0;
        tx->tail = 0;
    }
}

const struct kt_fault *kt_tx_out(struct kt_tx *tx, struct kt_span *out)
{
    *out = kt_span_of(NULL, 0);
    if (tx->head == tx->tail) {
        KT_TRY(kt_tx_finish_record(tx));
    }
    if (tx->head < tx->tail) {
        *out = kt_span_of(tx->buffer + tx->head, tx->tail - tx->head);
    }
    return NULL;
}

const struct kt_fault *kt_tx_out_done(struct kt_tx *tx, size_t n)
{
    if (n > tx->tail - tx->head) {
        KT_FAIL(USAGE_TOO_MUCH);
    }
    tx->head += n;
    reset_when_empty(tx);
    return NULL;
}

/* ---- handshake ---- */

/* How much content the open record may still take; the reserve stays free. */
static size_t open_room(const struct kt_tx *tx)
{
    size_t end = tx->tail + overhead(tx) + tx->open_len + KT_TX_RESERVE;
    size_t room = end < KT_TX_BUFFER ? KT_TX_BUFFER - end : 0;
    size_t most = tx->content_max - tx->open_len;

    return room < most ? room : most;
}

bool kt_tx_takes_handshake(const struct kt_tx *tx)
{
    return open_room(tx) > 0;
}

void kt_tx_tell_message(const struct kt_tx *tx, struct kt_span message)
{
    if (kt_watched(&tx->watch)) {
        kt_notify(&tx->watch, &(struct kt_notice){
                                  .kind = KT_NOTICE_MESSAGE,
                                  .direction = KT_SENDING,
                                  .u.message = {message.p[0], message},
                              });
    }
}

static const struct kt_fault *handshake_piece(struct kt_tx *tx, struct kt_span content, size_t *taken)
{
    size_t room = open_room(tx);
    size_t n = content.len < room ? content.len : room;

    kt_copy(tx->buffer + content_at(tx) + tx->open_len, content.p, n);
    tx->open_len += n;
    *taken = n;
    return tx->open_len == tx->content_max ? kt_tx_finish_record(tx) : NULL;
}

const struct kt_fault *kt_tx_handshake(struct kt_tx *tx, struct kt_span content, size_t *taken)
{
    size_t n = 1;

    *taken = 0;
    KT_TRY(take_buffer(tx));
    tx->lent = 0;
    while (n > 0 && *taken < content.len) {
        KT_TRY(handshake_piece(tx, kt_span_of(content.p + *taken, content.len - *taken), &n));
        *taken += n;
    }
    return NULL;
}

/* ---- data ---- */

bool kt_tx_takes_data(const struct kt_tx *tx)
{
    return fits(tx, split_len(tx) + overhead(tx) + tx->content_max + KT_TX_RESERVE);
}

/* Data never leaves unprotected, whatever the state of those above. */
static const struct kt_fault *begin_data(struct kt_tx *tx, bool *ready)
{
    if (!kt_protection_on(&tx->protection)) {
        KT_FAIL(USAGE_STATE);
    }
    KT_TRY(kt_tx_finish_record(tx));
    *ready = kt_tx_takes_data(tx);
    return *ready ? take_buffer(tx) : NULL;
}

static const struct kt_fault *emit_data(struct kt_tx *tx, const uint8_t *src, size_t len)
{
    if (len > 1 && kt_protection_is_chained(&tx->protection)) {
        KT_TRY(emit(tx, KT_CONTENT_DATA, src, 1));
        src++;
        len--;
    }
    return emit(tx, KT_CONTENT_DATA, src, len);
}

const struct kt_fault *kt_tx_data(struct kt_tx *tx, const uint8_t *src, size_t len, size_t *taken)
{
    size_t n = len < tx->content_max ? len : tx->content_max;
    bool ready;

    *taken = 0;
    KT_TRY(begin_data(tx, &ready));
    if (ready && n > 0) {
        KT_TRY(emit_data(tx, src, n));
        *taken = n;
    }
    return NULL;
}

uint8_t *kt_tx_lend(struct kt_tx *tx, size_t *len)
{
    bool ready;

    *len = 0;
    if (begin_data(tx, &ready) != NULL || !ready) {
        return NULL;
    }
    tx->lent = content_at(tx);
    if (split_len(tx) > 0) {
        tx->lent += split_len(tx) - 1; /* the second record's content is in place, the first one's byte before it */
    }
    *len = tx->content_max;
    return tx->buffer + tx->lent;
}

const struct kt_fault *kt_tx_lent_done(struct kt_tx *tx, size_t n)
{
    size_t lent = tx->lent;

    if (n > (lent == 0 ? 0 : tx->content_max)) {
        KT_FAIL(USAGE_TOO_MUCH);
    }
    tx->lent = 0;
    if (n > 0) {
        return emit_data(tx, tx->buffer + lent, n);
    }
    reset_when_empty(tx);
    return NULL;
}

/* ---- alerts, compatibility mode ---- */

const struct kt_fault *kt_tx_alert(struct kt_tx *tx, uint8_t level, uint8_t description)
{
    const uint8_t alert[ALERT_LEN] = {level, description};

    KT_TRY(begin_control(tx, sizeof alert));
    KT_TRY(emit(tx, KT_CONTENT_ALERT, alert, sizeof alert));
    if (kt_watched(&tx->watch)) {
        kt_notify(&tx->watch, &(struct kt_notice){
                                  .kind = KT_NOTICE_ALERT,
                                  .direction = KT_SENDING,
                                  .u.alert = {level, description},
                              });
    }
    return NULL;
}

static const uint8_t ccs[CCS_LEN] = {1};

/* Never protected (RFC 9846 section 5). */
const struct kt_fault *kt_tx_ccs(struct kt_tx *tx)
{
    KT_TRY(begin_control(tx, sizeof ccs));
    emit_plain(tx, KT_CONTENT_CCS, ccs, sizeof ccs);
    return NULL;
}

/* ---- keys ---- */

static void begin_epoch(struct kt_tx *tx, uint64_t number, enum kt_birth birth, uint64_t now_ms)
{
    kt_epoch_begin(&tx->epoch, number, birth, now_ms);
    if (kt_watched(&tx->watch)) {
        kt_notify(&tx->watch, &(struct kt_notice){
                                  .kind = KT_NOTICE_EPOCH,
                                  .direction = KT_SENDING,
                                  .u.epoch = kt_epoch_info(&tx->epoch),
                              });
    }
}

const struct kt_fault *kt_tx_protect(struct kt_tx *tx, const struct kt_suite *suite, const struct kt_secret *secret,
                                     bool application, uint64_t now_ms)
{
    KT_TRY(kt_tx_finish_record(tx));
    KT_TRY(kt_protection_set(&tx->protection, KT_SENDING, suite, secret));
    tx->suite = suite;
    tx->application = application;
    if (application) {
        tx->secret = *secret;
        begin_epoch(tx, 0, KT_BIRTH_INITIAL, now_ms);
    }
    return NULL;
}

const struct kt_fault *kt_tx_change(struct kt_tx *tx, const struct kt_suite *suite, const struct kt_keys12 *keys,
                                    enum kt_birth birth, uint64_t now_ms)
{
    if (tx->application && tx->epoch.number >= KT_EPOCH_LAST) {
        KT_FAIL(LIFETIME_EPOCHS_SPENT);
    }
    KT_TRY(begin_control(tx, sizeof ccs));
    KT_TRY(emit(tx, KT_CONTENT_CCS, ccs, sizeof ccs));
    KT_TRY(kt_protection_set12(&tx->protection, KT_SENDING, suite, keys));
    tx->suite = suite;
    begin_epoch(tx, tx->application ? tx->epoch.number + 1 : 0, birth, now_ms);
    tx->application = true;
    return NULL;
}

bool kt_tx_can_update(const struct kt_tx *tx)
{
    if (kt_protection_is12(&tx->protection)) {
        return fits(tx, 2 * (OVERHEAD_MAX + KT_MESSAGE_HEADER));
    }
    return fits(tx, (OVERHEAD13 + KEY_UPDATE_LEN) + (OVERHEAD13 + ALERT_LEN));
}

const struct kt_fault *kt_tx_hello_request(struct kt_tx *tx)
{
    uint8_t message[KT_MESSAGE_HEADER];
    struct kt_writer w = kt_writer_over(message, sizeof message);

    kt_hello_request_encode(&w);
    if (KT_NEVER(!kt_writer_finish(&w))) {
        KT_FAIL(BUFFER_TOO_SMALL);
    }
    KT_TRY(begin_control(tx, sizeof message));
    KT_TRY(emit(tx, KT_CONTENT_HANDSHAKE, message, sizeof message));
    kt_tx_tell_message(tx, kt_writer_span(&w));
    return NULL;
}

static const struct kt_fault *send_key_update(struct kt_tx *tx, bool request)
{
    uint8_t message[KEY_UPDATE_LEN];
    struct kt_writer w = kt_writer_over(message, sizeof message);

    kt_key_update_encode(&w, &(struct kt_key_update){.requested = request});
    if (KT_NEVER(!kt_writer_finish(&w))) {
        KT_FAIL(BUFFER_TOO_SMALL);
    }
    KT_TRY(emit(tx, KT_CONTENT_HANDSHAKE, message, sizeof message));
    kt_tx_tell_message(tx, kt_writer_span(&w));
    return NULL;
}

/* RFC 9846 section 4.7.3: the message is the last thing under the old key. */
const struct kt_fault *kt_tx_key_update(struct kt_tx *tx, bool request, enum kt_birth birth, uint64_t now_ms)
{
    if (!tx->application || kt_protection_is12(&tx->protection)) {
        KT_FAIL(USAGE_STATE);
    }
    if (tx->epoch.number >= KT_EPOCH_LAST) {
        KT_FAIL(LIFETIME_EPOCHS_SPENT);
    }
    if (!kt_tx_can_update(tx)) {
        KT_FAIL(BUFFER_TOO_SMALL);
    }
    KT_TRY(begin_control(tx, KEY_UPDATE_LEN));
    KT_TRY(send_key_update(tx, request));
    kt_traffic_secret_next(tx->suite->hash, &tx->secret);
    KT_TRY(kt_protection_set(&tx->protection, KT_SENDING, tx->suite, &tx->secret));
    begin_epoch(tx, tx->epoch.number + 1, birth, now_ms);
    return NULL;
}
