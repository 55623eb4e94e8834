#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <keyturn/drive.h>

enum { THREADS = 4, LINES = 500 };

/* A folder of its own for each test. */
struct place {
    char dir[64];
    char path[96];
};

static int enter(void **state)
{
    static struct place place;

    (void)snprintf(place.dir, sizeof place.dir, "/tmp/keylog_test_XXXXXX");
    if (mkdtemp(place.dir) == NULL) {
        return -1;
    }
    (void)snprintf(place.path, sizeof place.path, "%s/keys", place.dir);
    *state = &place;
    return 0;
}

static int leave(void **state)
{
    struct place *place = *state;

    (void)unlink(place->path);
    return rmdir(place->dir);
}

static const uint8_t bytes[64] = {0x00, 0x01, 0x7f, 0x80, 0xab, 0xff};

static struct kt_notice secret_of(size_t len)
{
    struct kt_notice notice = {.kind = KT_NOTICE_SECRET};

    notice.u.secret.label = "CLIENT_TRAFFIC_SECRET_0";
    notice.u.secret.client_random = (struct kt_span){bytes, 32};
    notice.u.secret.secret = (struct kt_span){bytes, len};
    return notice;
}

static size_t content(const struct place *place, char *out, size_t cap)
{
    FILE *file = fopen(place->path, "re");
    size_t len;

    assert_non_null(file);
    len = fread(out, 1, cap - 1, file);
    out[len] = '\0';
    (void)fclose(file);
    return len;
}

static void assert_refused(const char *path, enum kt_reason reason)
{
    struct kt_keylog *log = NULL;
    const struct kt_fault *fault = kt_keylog_open(path, &log);

    assert_non_null(fault);
    assert_int_equal(fault->reason, reason);
    assert_null(log);
}

static void a_line_is_label_random_and_secret(void **state)
{
    struct place *place = *state;
    struct kt_notice notice = secret_of(48);
    struct kt_keylog *log = NULL;
    struct stat st;
    char text[512];

    assert_null(kt_keylog_open(place->path, &log));
    kt_keylog_line(log, &notice);
    kt_keylog_close(log);
    assert_int_equal(content(place, text, sizeof text), 23 + 1 + 64 + 1 + 96 + 1);
    assert_memory_equal(text, "CLIENT_TRAFFIC_SECRET_0 00017f80abff0000", 40);
    assert_int_equal(text[23 + 1 + 64], ' ');
    assert_memory_equal(text + 23 + 1 + 64 + 1, "00017f80abff00", 14);
    assert_int_equal(text[strlen(text) - 1], '\n');
    assert_int_equal(stat(place->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void lines_are_appended_and_other_notices_are_none(void **state)
{
    struct place *place = *state;
    struct kt_notice notice = secret_of(32);
    struct kt_notice other = {.kind = KT_NOTICE_CONNECTED};
    char text[1024];

    for (int i = 0; i < 2; i++) {
        struct kt_keylog *log = NULL;

        assert_null(kt_keylog_open(place->path, &log));
        kt_keylog_line(log, &notice);
        kt_keylog_line(log, &other);
        kt_keylog_close(log);
    }
    assert_int_equal(content(place, text, sizeof text), 2 * (23 + 1 + 64 + 1 + 64 + 1));
}

static void what_does_not_fit_a_line_is_left_out(void **state)
{
    static const uint8_t much[300];
    struct place *place = *state;
    struct kt_notice notice = secret_of(32);
    struct kt_keylog *log = NULL;
    char text[64];

    notice.u.secret.secret = (struct kt_span){much, sizeof much};
    assert_null(kt_keylog_open(place->path, &log));
    kt_keylog_line(log, &notice);
    kt_keylog_close(log);
    assert_int_equal(content(place, text, sizeof text), 0);
}

static void a_file_open_to_others_is_refused(void **state)
{
    static const mode_t modes[] = {0640, 0604, 0620, 0602, 0610, 0601};
    struct place *place = *state;
    struct kt_keylog *log = NULL;

    assert_null(kt_keylog_open(place->path, &log));
    kt_keylog_close(log);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal(chmod(place->path, modes[i]), 0);
        assert_refused(place->path, KT_REASON_FILE_NOT_PRIVATE);
    }
    assert_int_equal(chmod(place->path, 0600), 0);
    assert_null(kt_keylog_open(place->path, &log));
    kt_keylog_close(log);
}

static void links_fifos_and_folders_are_refused(void **state)
{
    struct place *place = *state;
    char target[sizeof place->path + 8];

    (void)snprintf(target, sizeof target, "%s.target", place->path);
    assert_int_equal(symlink(target, place->path), 0);
    assert_refused(place->path, KT_REASON_FILE_UNWRITABLE);
    assert_int_equal(access(target, F_OK), -1);
    assert_int_equal(unlink(place->path), 0);

    assert_int_equal(mkfifo(place->path, 0600), 0);
    assert_refused(place->path, KT_REASON_FILE_UNWRITABLE);
    assert_refused(place->dir, KT_REASON_FILE_UNWRITABLE);
    assert_refused("/nonexistent/keys", KT_REASON_FILE_UNWRITABLE);
}

static void no_log_is_no_mistake(void **state)
{
    struct kt_notice notice = secret_of(32);

    (void)state;
    kt_keylog_line(NULL, &notice);
    kt_keylog_close(NULL);
}

static void *write_lines(void *log)
{
    struct kt_notice notice = secret_of(32);

    for (int i = 0; i < LINES; i++) {
        kt_keylog_line(log, &notice);
    }
    return NULL;
}

static void lines_of_several_threads_do_not_mix(void **state)
{
    struct place *place = *state;
    struct kt_keylog *log = NULL;
    pthread_t threads[THREADS];
    char line[512];
    int count = 0;
    FILE *file;

    assert_null(kt_keylog_open(place->path, &log));
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, log), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    kt_keylog_close(log);
    file = fopen(place->path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        assert_int_equal(strlen(line), 23 + 1 + 64 + 1 + 64 + 1);
        assert_memory_equal(line, "CLIENT_TRAFFIC_SECRET_0 ", 24);
        count++;
    }
    (void)fclose(file);
    assert_int_equal(count, THREADS * LINES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_is_label_random_and_secret, enter, leave),
        cmocka_unit_test_setup_teardown(lines_are_appended_and_other_notices_are_none, enter, leave),
        cmocka_unit_test_setup_teardown(what_does_not_fit_a_line_is_left_out, enter, leave),
        cmocka_unit_test_setup_teardown(a_file_open_to_others_is_refused, enter, leave),
        cmocka_unit_test_setup_teardown(links_fifos_and_folders_are_refused, enter, leave),
        cmocka_unit_test(no_log_is_no_mistake),
        cmocka_unit_test_setup_teardown(lines_of_several_threads_do_not_mix, enter, leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
