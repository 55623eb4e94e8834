#include <stdlib.h>

#include "config/builder_impl.h"
#include "support/test_env.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is read can be given to a builder; what is not read is blamed on a line and has a problem. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kt_policy_error error = {.line = 0};
    struct kt_user_policy policy;
    struct kt_builder *builder;
    struct test_env env;

    if (kt_policy_parse((struct kt_span){data, size}, &policy, &error) != NULL) {
        if (error.line == 0 || error.problem == NULL) {
            abort();
        }
        return 0;
    }
    test_env_init(&env);
    if (kt_builder_new(KT_CLIENT, &env.env, &builder) != NULL || kt_builder_user_policy(builder, &policy) != NULL) {
        abort();
    }
    kt_builder_free(builder);
    return 0;
}
