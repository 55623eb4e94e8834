/*
 * session_blob.c - a session as bytes: one version, one encoding, parsed as if a stranger had written it.
 */
#include "session/session_impl.h"

#include "wire/reader.h"

/* What has another version is not read: a full handshake makes a new one. */
enum { BLOB_VERSION = 2, HAS_PEER = 1, AUTHENTICATED = 2, EXTENDED_SECRET = 1, BY_ID = 2 };

static void encode_origin(struct kt_writer *w, const struct kt_origin *origin)
{
    kt_put_bytes(w, kt_span_of(origin->lineage, sizeof origin->lineage));
    kt_put_u64(w, (uint64_t)origin->born);
    kt_put_u64(w, (uint64_t)origin->end);
    kt_put_bytes(w, kt_span_of(origin->peer, sizeof origin->peer));
    kt_put_u8(w, (uint8_t)((origin->has_peer ? HAS_PEER : 0) | (origin->authenticated ? AUTHENTICATED : 0)));
    kt_put_vec(w, 1, kt_span_of(origin->end_point, origin->end_point_len));
}

void kt_session_encode(struct kt_writer *w, const struct kt_session_data *data)
{
    kt_put_u8(w, BLOB_VERSION);
    kt_put_u8(w, data->role);
    kt_put_bytes(w, kt_span_of(data->id, sizeof data->id));
    kt_put_u16(w, data->version);
    kt_put_u16(w, data->suite);
    kt_put_vec(w, 1, kt_secret_span(&data->secret));
    kt_put_u8(w, (uint8_t)((data->extended_secret ? EXTENDED_SECRET : 0) | (data->by_id ? BY_ID : 0)));
    kt_put_vec(w, 1, kt_session_name_span(&data->server_name));
    kt_put_vec(w, 1, kt_session_name_span(&data->alpn));
    encode_origin(w, &data->origin);
    kt_put_u32(w, data->generation);
    kt_put_bytes(w, kt_span_of(data->policy, sizeof data->policy));
    kt_put_u64(w, (uint64_t)data->issued);
    kt_put_u32(w, data->lifetime);
    kt_put_u32(w, data->age_add);
    kt_put_vec(w, 2, data->ticket);
}

static bool read_bytes(struct kt_reader *r, uint8_t *out, size_t len)
{
    struct kt_span bytes;

    if (!kt_reader_bytes(r, len, &bytes)) {
        return false;
    }
    kt_copy(out, bytes.p, len);
    return true;
}

static bool read_time(struct kt_reader *r, int64_t *out)
{
    uint64_t seconds;

    /* Far below the end of the type, so that sums of times cannot overflow. */
    if (!kt_reader_u64(r, &seconds) || seconds > INT64_MAX / 2) {
        return false;
    }
    *out = (int64_t)seconds;
    return true;
}

static bool read_name(struct kt_reader *r, struct kt_session_name *name)
{
    struct kt_span bytes;

    return kt_reader_vec8(r, &bytes) && kt_session_name_set(name, bytes);
}

static bool read_secret(struct kt_reader *r, struct kt_secret *secret)
{
    struct kt_span bytes;

    if (!kt_reader_vec8(r, &bytes) || bytes.len == 0 || bytes.len > KT_HASH_MAX) {
        return false;
    }
    secret->len = (uint8_t)bytes.len;
    kt_copy(secret->b, bytes.p, bytes.len);
    return true;
}

static bool read_end_point(struct kt_reader *r, struct kt_origin *origin)
{
    struct kt_span bytes;

    if (!kt_reader_vec8(r, &bytes) || bytes.len > KT_HASH_MAX) {
        return false;
    }
    origin->end_point_len = (uint8_t)bytes.len;
    kt_copy(origin->end_point, bytes.p, bytes.len);
    return true;
}

static bool read_kind(struct kt_reader *r, struct kt_session_data *data)
{
    uint8_t flags;

    if (!kt_reader_u8(r, &flags) || flags > (EXTENDED_SECRET | BY_ID)) {
        return false;
    }
    data->extended_secret = (flags & EXTENDED_SECRET) != 0;
    data->by_id = (flags & BY_ID) != 0;
    /* Both are of TLS 1.2 and below. */
    return flags == 0 || data->version < KT_TLS_1_3;
}

static bool read_origin(struct kt_reader *r, struct kt_origin *origin)
{
    uint8_t flags;

    if (!(read_bytes(r, origin->lineage, sizeof origin->lineage) && read_time(r, &origin->born) &&
          read_time(r, &origin->end) && read_bytes(r, origin->peer, sizeof origin->peer) && kt_reader_u8(r, &flags) &&
          flags <= (HAS_PEER | AUTHENTICATED) && read_end_point(r, origin))) {
        return false;
    }
    origin->has_peer = (flags & HAS_PEER) != 0;
    origin->authenticated = (flags & AUTHENTICATED) != 0;
    /* Nobody is authenticated without an identity, and no lineage is longer than the longest. */
    return (origin->has_peer || !origin->authenticated) && origin->end >= origin->born &&
           origin->end - origin->born <= KT_SESSION_SECONDS_MAX;
}

static bool read_all(struct kt_reader *r, struct kt_session_data *out)
{
    uint8_t version;

    return kt_reader_u8(r, &version) && version == BLOB_VERSION && kt_reader_u8(r, &out->role) &&
           (out->role == KT_CLIENT || out->role == KT_SERVER) && read_bytes(r, out->id, sizeof out->id) &&
           kt_reader_u16(r, &out->version) && kt_reader_u16(r, &out->suite) && read_secret(r, &out->secret) &&
           read_kind(r, out) && read_name(r, &out->server_name) && read_name(r, &out->alpn) &&
           read_origin(r, &out->origin) && kt_reader_u32(r, &out->generation) &&
           read_bytes(r, out->policy, sizeof out->policy) && read_time(r, &out->issued) &&
           kt_reader_u32(r, &out->lifetime) && out->lifetime <= KT_SESSION_SECONDS_MAX &&
           kt_reader_u32(r, &out->age_add) && kt_reader_vec16(r, &out->ticket) && kt_reader_done(r);
}

const struct kt_fault *kt_session_decode(struct kt_span bytes, struct kt_session_data *out)
{
    struct kt_reader r = kt_reader_over(bytes);

    *out = (struct kt_session_data){0};
    if (!read_all(&r, out)) {
        kt_wipe(out, sizeof *out);
        KT_FAIL(SESSION_MALFORMED);
    }
    return NULL;
}
