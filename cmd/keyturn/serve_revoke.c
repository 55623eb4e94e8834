#include "serve_revoke.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "error: revoke session|lineage|identity HEX, name NAME or generation N, then perhaps close\n";

enum { KEY_MAX = 255 };

/* The words of a line: what by, the key, and whether to close. */
struct order {
    char by[16];
    char key[2 * KEY_MAX + 1];
    bool close;
};

static bool parse_order(const char *words, struct order *order)
{
    char more[8] = "", rest[2] = "";
    int n = sscanf(words, "%15s %510s %7s %1s", order->by, order->key, more, rest);

    order->close = n == 3 && strcmp(more, "close") == 0;
    return n == 2 || order->close;
}

static bool hex_digit(char c, uint8_t *out)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c == '\0' ? NULL : strchr(digits, c);

    *out = at == NULL ? 0 : (uint8_t)(at - digits);
    return at != NULL;
}

/* Exactly `len` bytes. */
static bool decode(const char *hex, size_t len, uint8_t *out)
{
    uint8_t high, low;

    if (strlen(hex) != 2 * len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (!hex_digit(hex[2 * i], &high) || !hex_digit(hex[2 * i + 1], &low)) {
            return false;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* NULL, or what is wrong. */
static const char *revoke_generation(const struct kt_revoke_site *site, const char *key)
{
    uint64_t least;

    if (!kt_options_number(key, UINT32_MAX, &least)) {
        return usage;
    }
    kt_session_revoke_generation(site->store, (uint32_t)least);
    return NULL;
}

static const char *revoke(const struct kt_revoke_site *site, const struct order *order)
{
    static const struct {
        const char *name;
        enum kt_revoke by;
        size_t len; /* of the key; 0: it is text */
    } kinds[] = {
        {"session", KT_REVOKE_SESSION, 16},
        {"lineage", KT_REVOKE_LINEAGE, 16},
        {"identity", KT_REVOKE_IDENTITY, 32},
        {"name", KT_REVOKE_NAME, 0},
    };
    uint8_t bytes[32];

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct kt_span key = {(const uint8_t *)order->key, strlen(order->key)};

        if (strcmp(order->by, kinds[i].name) != 0) {
            continue;
        }
        if (kinds[i].len > 0 && !decode(order->key, kinds[i].len, bytes)) {
            return "error: the key is hexadecimal: 32 digits of a session or lineage, 64 of an identity\n";
        }
        if (kinds[i].len > 0) {
            key = (struct kt_span){bytes, kinds[i].len};
        }
        return kt_session_revoke(site->store, kinds[i].by, key, site->now) == NULL
                   ? NULL
                   : "error: the store has no room for it\n";
    }
    return strcmp(order->by, "generation") == 0 ? revoke_generation(site, order->key) : usage;
}

static size_t close_revoked(struct kt_link *link, struct kt_text *text, const void *how)
{
    struct kt_session_facts facts = kt_conn_session_facts(link->conn);

    (void)text;
    (void)how;
    if (link->phase != KT_LINK_OPEN || !kt_store_is_revoked(link->site->store, &facts)) {
        return 0;
    }
    kt_link_finish(link);
    return 1;
}

void kt_revoke_run(const struct kt_revoke_site *site, const char *words, struct kt_text *answer)
{
    const char *wrong = "error: there is no store; see --session-store\n";
    struct order order;

    if (site->store != NULL) {
        wrong = parse_order(words, &order) ? revoke(site, &order) : usage;
    }
    if (wrong != NULL) {
        kt_text_add(answer, "%s", wrong);
        return;
    }
    if (order.close) {
        kt_text_add(answer, "connections=%zu\n",
                    kt_crew_visit(site->workers, site->worker_count, close_revoked, NULL, NULL));
    }
    kt_text_add(answer, "ok\n");
}
