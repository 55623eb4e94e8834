/* Certificates, keys and revocation lists that the options name. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "options.h"
#include "report.h"

enum { PASSWORD_MAX = 1024 };

/* The first line of the file, without its end. False when it cannot be read or is too long. */
static bool read_password(const char *path, char password[PASSWORD_MAX])
{
    FILE *file = fopen(path, "re");
    bool good;

    if (file == NULL) {
        return false;
    }
    setvbuf(file, NULL, _IONBF, 0); /* no copy of it in a buffer that nobody wipes */
    good = fgets(password, PASSWORD_MAX, file) != NULL && strlen(password) < PASSWORD_MAX - 1;
    (void)fclose(file);
    password[strcspn(password, "\r\n")] = '\0';
    return good;
}

static const struct kt_fault *load(const struct kt_options *o, const struct kt_option_credential *from,
                                   const char *password, struct kt_credential **out)
{
    const char *key = from->key != NULL ? from->key : from->cert;

    if (from->pkcs12 != NULL) {
        return kt_credential_from_pkcs12(&o->env, from->pkcs12, password, out);
    }
    return kt_credential_from_files(&o->env, from->cert, key, password, out);
}

static bool is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

enum kt_exit kt_options_crls(const struct kt_options *options, struct kt_trust *trust)
{
    for (size_t i = 0; i < options->crl_count; i++) {
        const char *path = options->crls[i];
        const struct kt_fault *fault =
            is_folder(path) ? kt_trust_add_crl_dir(trust, path) : kt_trust_add_crl_file(trust, path);

        if (fault != NULL) {
            (void)kt_report_fault("", path, fault, NULL, 0);
            return KT_EXIT_FILES;
        }
    }
    return KT_EXIT_NONE;
}

static enum kt_exit add_scts(const struct kt_options *o, const char *path, struct kt_credential **credential)
{
    struct kt_credential *with;
    const struct kt_fault *fault = kt_credential_scts_file(&o->env, *credential, path, &with);

    if (fault != NULL) {
        (void)kt_report_fault("", path, fault, NULL, 0);
        return KT_EXIT_FILES;
    }
    kt_credential_unref(*credential);
    *credential = with;
    return KT_EXIT_NONE;
}

/* A response that no client will take is served all the same, as the owner says so; but not silently. */
static enum kt_exit staple(const struct kt_options *o, const char *path, struct kt_credential **credential)
{
    struct kt_credential *stapled;
    const struct kt_fault *fault = kt_credential_staple_file(&o->env, *credential, path, &stapled);

    if (fault != NULL) {
        (void)kt_report_fault("", path, fault, NULL, 0);
        return KT_EXIT_FILES;
    }
    kt_credential_unref(*credential);
    *credential = stapled;
    fault = kt_credential_staple_check(stapled, 0);
    if (fault != NULL) {
        kt_report_line("", "WARNING: %s: clients will refuse this: %s (reason=%s)", path,
                       kt_reason_text((enum kt_reason)fault->reason), kt_reason_name((enum kt_reason)fault->reason));
    }
    return KT_EXIT_NONE;
}

/* Which of two files it was the fault does not say. */
static enum kt_exit blame_files(const struct kt_option_credential *from, const struct kt_fault *fault)
{
    bool two = from->pkcs12 == NULL && from->key != NULL;
    char files[512];

    (void)snprintf(files, sizeof files, "%s%s%s", from->pkcs12 != NULL ? from->pkcs12 : from->cert, two ? " with " : "",
                   two ? from->key : "");
    return kt_report_fault("", files, fault, NULL, 0);
}

enum kt_exit kt_options_credential(const struct kt_options *o, size_t index, struct kt_credential **out)
{
    const struct kt_option_credential *from = &o->credentials[index];
    struct kt_credential *credential = NULL;
    char password[PASSWORD_MAX] = "";
    enum kt_exit done = KT_EXIT_NONE;
    const struct kt_fault *fault;

    if (from->password_file != NULL && !read_password(from->password_file, password)) {
        kt_report_line("", "error: the password cannot be read from %s (reason=FILE_UNREADABLE alert=-)",
                       from->password_file);
        kt_report_line("", "hint: its first line is the password, at most %d characters", PASSWORD_MAX - 2);
        return KT_EXIT_FILES;
    }
    fault = load(o, from, from->password_file != NULL ? password : NULL, &credential);
    explicit_bzero(password, sizeof password);
    if (fault != NULL) {
        return blame_files(from, fault);
    }
    if (from->ocsp != NULL && strcmp(from->ocsp, KT_OPTION_FETCH) != 0) {
        done = staple(o, from->ocsp, &credential);
    }
    if (done == KT_EXIT_NONE && from->sct != NULL) {
        done = add_scts(o, from->sct, &credential);
    }
    if (done != KT_EXIT_NONE) {
        kt_credential_unref(credential);
        return done;
    }
    *out = credential;
    return KT_EXIT_NONE;
}

static enum kt_exit add_credential(const struct kt_options *o, size_t index, struct kt_builder *builder)
{
    struct kt_credential *credential = NULL;
    enum kt_exit done = kt_options_credential(o, index, &credential);
    const struct kt_fault *fault;

    if (done != KT_EXIT_NONE) {
        return done;
    }
    fault = kt_builder_credential(builder, credential);
    kt_credential_unref(credential);
    return fault == NULL ? KT_EXIT_NONE : blame_files(&o->credentials[index], fault);
}

enum kt_exit kt_options_builder(const struct kt_options *options, enum kt_role role, struct kt_builder **out)
{
    struct kt_builder *builder;
    enum kt_exit done = kt_options_bare_builder(options, role, &builder);

    if (done != KT_EXIT_NONE) {
        return done;
    }
    for (size_t i = 0; i < options->credential_count && done == KT_EXIT_NONE; i++) {
        done = add_credential(options, i, builder);
    }
    if (done != KT_EXIT_NONE) {
        kt_builder_free(builder);
        return done;
    }
    *out = builder;
    return KT_EXIT_NONE;
}
