#include "keys/transcript.h"

#include "support/record_kit.h"

static const struct kt_hash *sha256(void)
{
    return kit_aes128()->hash;
}

static void assert_hash(const struct kt_transcript *t, const char *hex)
{
    uint8_t hash[32];

    kt_transcript_hash(t, hash);
    kit_assert_hex(hash, sizeof hash, hex);
}

static void nothing_hashes_to_the_hash_of_nothing(void **state)
{
    struct kt_transcript t;

    (void)state;
    kt_transcript_init(&t);
    kt_transcript_begin(&t, sha256());
    assert_hash(&t, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void the_first_message_may_come_before_the_hash_is_known(void **state)
{
    struct kt_transcript early, late;
    uint8_t a[32], b[32];

    (void)state;
    kt_transcript_init(&early);
    kt_transcript_add(&early, KT_SPAN_TEXT("first"));
    kt_transcript_begin(&early, sha256());
    kt_transcript_add(&early, KT_SPAN_TEXT("second"));
    kt_transcript_init(&late);
    kt_transcript_begin(&late, sha256());
    kt_transcript_add(&late, KT_SPAN_TEXT("firstsecond"));
    kt_transcript_hash(&early, a);
    kt_transcript_hash(&late, b);
    assert_memory_equal(a, b, sizeof a);
}

static void asking_for_the_hash_changes_nothing(void **state)
{
    struct kt_transcript t;

    (void)state;
    kt_transcript_init(&t);
    kt_transcript_begin(&t, sha256());
    kt_transcript_add(&t, KT_SPAN_TEXT("a"));
    assert_hash(&t, "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb");
    assert_hash(&t, "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb");
    kt_transcript_add(&t, KT_SPAN_TEXT("bc"));
    assert_hash(&t, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* Against a value made by another implementation: hash(fe000020 || hash("abc") || "def"). */
static void a_retry_replaces_the_first_hello(void **state)
{
    struct kt_transcript t;

    (void)state;
    kt_transcript_init(&t);
    kt_transcript_add(&t, KT_SPAN_TEXT("abc"));
    kt_transcript_begin(&t, sha256());
    kt_transcript_retry(&t);
    kt_transcript_add(&t, KT_SPAN_TEXT("def"));
    assert_hash(&t, "b7b26fc402067a54858844d9d74d80b4e8bb1ca6f1254ff4b43560649fa65f23");
}

static void nothing_is_left_after_wiping(void **state)
{
    const struct kt_transcript zero = {.hash = NULL};
    struct kt_transcript t;

    (void)state;
    kt_transcript_init(&t);
    kt_transcript_begin(&t, sha256());
    kt_transcript_add(&t, KT_SPAN_TEXT("abc"));
    kt_transcript_wipe(&t);
    assert_memory_equal(&t, &zero, sizeof t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_hashes_to_the_hash_of_nothing),
        cmocka_unit_test(the_first_message_may_come_before_the_hash_is_known),
        cmocka_unit_test(asking_for_the_hash_changes_nothing),
        cmocka_unit_test(a_retry_replaces_the_first_hello),
        cmocka_unit_test(nothing_is_left_after_wiping),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
