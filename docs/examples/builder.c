/* builder: a configuration with a mistake in it, what the builder says, and the way on. */
#include <keyturn/keyturn.h>
#include <stdio.h>

int main(void)
{
    const uint16_t groups[] = {KT_GROUP_X25519, kt_group_named("P-256"), KT_GROUP_X25519};
    const struct kt_span protocols[] = {{(const uint8_t *)"h2", 2}, {(const uint8_t *)"http/1.1", 8}};
    const struct kt_fault *fault;
    struct kt_builder *builder;
    struct kt_config *config;

    if (kt_builder_new(KT_CLIENT, kt_env_linux(), &builder) || kt_builder_groups(builder, groups, 3) ||
        kt_builder_alpn(builder, protocols, 2) || kt_builder_key_shares(builder, 2)) {
        return 1;
    }
    fault = kt_builder_build(builder, &config);
    if (fault != NULL) {
        printf("%s: %s\n", kt_builder_field(builder), kt_reason_text(fault->reason));
        fault = kt_builder_groups(builder, groups, 2); /* without the one that stands there twice */
    }
    if (fault == NULL) {
        fault = kt_builder_build(builder, &config);
    }
    kt_builder_free(builder);
    if (fault == NULL) {
        kt_config_unref(config);
    }
    return fault == NULL ? 0 : 1;
}
