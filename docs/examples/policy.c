/* policy: prints what the default policy allows, most preferred first. */
#include <keyturn/keyturn.h>
#include <stdio.h>

static void print(const char *what, const uint16_t *ids, size_t count, const char *(*name)(uint16_t id))
{
    for (size_t i = 0; i < count; i++) {
        printf("%-8s %s\n", what, name(ids[i]));
    }
}

int main(void)
{
    const struct kt_policy *p = &kt_policy_2026_modern;

    printf("%s\n", p->name);
    print("version", p->versions, p->version_count, kt_version_name);
    print("suite", p->suites, p->suite_count, kt_suite_name);
    print("group", p->groups, p->group_count, kt_group_name);
    print("scheme", p->schemes, p->scheme_count, kt_scheme_name);
    return kt_suite_named("aes-128-gcm") == KT_SUITE_AES_128_GCM_SHA256 ? 0 : 1;
}
