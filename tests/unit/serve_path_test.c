/* Opening what a request names: the folder is the end of the world. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../cmd/keyturn/serve_path.c"

/* outside/secret, root/{index.html,a.txt,sub/index.html,empty/,fifo,closed,in -> sub,out -> ../outside,
 * out_file -> ../outside/secret, up -> ..} */
static char base[] = "/tmp/keyturn-path-XXXXXX";
static int base_fd, root;

static void make_file(const char *name, const char *text, mode_t mode)
{
    int fd = openat(base_fd, name, O_CREAT | O_WRONLY | O_CLOEXEC, mode);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static int make_world(void **state)
{
    static const char *const folders[] = {"outside", "root", "root/sub", "root/empty"};
    static const char *const links[][2] = {
        {"sub", "root/in"}, {"../outside", "root/out"},       {"../outside/secret", "root/out_file"},
        {"..", "root/up"},  {"/etc/passwd", "root/absolute"}, {"loop", "root/loop"},
    };
    char path[64];

    (void)state;
    assert_non_null(mkdtemp(base));
    base_fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        assert_int_equal(mkdirat(base_fd, folders[i], 0700), 0);
    }
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        assert_int_equal(symlinkat(links[i][0], base_fd, links[i][1]), 0);
    }
    make_file("outside/secret", "secret", 0600);
    make_file("root/index.html", "index", 0600);
    make_file("root/a.txt", "12345", 0600);
    make_file("root/sub/index.html", "sub", 0600);
    assert_int_equal(mkfifoat(base_fd, "root/fifo", 0600), 0);
    snprintf(path, sizeof path, "%s/root", base);
    root = kt_path_root(path);
    return root < 0;
}

static int unmake_world(void **state)
{
    char command[96];

    (void)state;
    close(root);
    close(base_fd);
    snprintf(command, sizeof command, "rm -rf '%s'", base);
    return system(command);
}

/* The status, and whether a descriptor came with it as it should. */
static int status(const char *path, bool wants_folder, uint64_t size)
{
    struct kt_path_file file;
    int result = kt_path_open(root, path, wants_folder, &file);

    assert_int_equal(file.fd >= 0, result == 200);
    if (result == 200) {
        assert_int_equal(file.size, size);
        close(file.fd);
    }
    return result;
}

static void files_and_folders_are_found(void **state)
{
    (void)state;
    assert_int_equal(status("a.txt", false, 5), 200);
    assert_int_equal(status(".", true, 5), 200);
    assert_int_equal(status("sub", true, 3), 200);
    assert_int_equal(status("sub", false, 0), 301);
    assert_int_equal(status("in/index.html", false, 3), 200); /* a link that stays inside */
    assert_int_equal(status("in", true, 3), 200);
}

static void what_is_not_there_is_not_found(void **state)
{
    (void)state;
    assert_int_equal(status("b.txt", false, 0), 404);
    assert_int_equal(status("a.txt", true, 0), 404);
    assert_int_equal(status("a.txt/b", false, 0), 404);
    assert_int_equal(status("empty", true, 0), 404);
    assert_int_equal(status("fifo", false, 0), 404);
    assert_int_equal(status("loop", false, 0), 404);
}

static void nothing_outside_is_found(void **state)
{
    static const char *const paths[] = {"../outside/secret",
                                        "out/secret",
                                        "out_file",
                                        "up/outside/secret",
                                        "absolute",
                                        "/etc/passwd",
                                        "sub/../../outside/secret",
                                        "in/../../outside/secret"};

    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        assert_int_equal(status(paths[i], false, 0), 404);
    }
}

static void a_root_must_be_a_folder(void **state)
{
    (void)state;
    assert_int_equal(kt_path_root("/nowhere/at/all"), -1);
    assert_int_equal(kt_path_root("/etc/passwd"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_and_folders_are_found),
        cmocka_unit_test(what_is_not_there_is_not_found),
        cmocka_unit_test(nothing_outside_is_found),
        cmocka_unit_test(a_root_must_be_a_folder),
    };

    return cmocka_run_group_tests(tests, make_world, unmake_world);
}
