/* observer: an environment of one's own. Counts memory, and prints what a client does before anybody answers. */
#include <keyturn/keyturn.h>
#include <stdio.h>
#include <stdlib.h>

struct world {
    size_t held, peak;
};

static void *count_alloc(void *user, size_t len)
{
    struct world *world = user;
    void *memory = malloc(len);

    world->held += memory != NULL ? len : 0;
    world->peak = world->held > world->peak ? world->held : world->peak;
    return memory;
}

static void count_release(void *user, void *memory, size_t len)
{
    struct world *world = user;

    world->held -= memory != NULL ? len : 0;
    free(memory);
}

static void watch(void *user, const struct kt_conn *conn, const struct kt_notice *notice)
{
    (void)user;
    (void)conn;
    if (notice->kind == KT_NOTICE_STATE) {
        printf("state %s to %s\n", notice->u.state.from, notice->u.state.to);
    } else if (notice->kind == KT_NOTICE_MESSAGE) {
        printf("message type %d, %zu bytes\n", notice->u.message.type, notice->u.message.body.len);
    }
}

int main(void)
{
    struct world world = {0, 0};
    struct kt_env env = *kt_env_linux(); /* its clocks and randomness do not look at `user` */
    struct kt_builder *builder;
    struct kt_config *config;
    struct kt_conn *conn;

    env.alloc = count_alloc;
    env.release = count_release;
    env.observer = watch;
    env.user = &world;
    if (kt_builder_new(KT_CLIENT, &env, &builder) || kt_builder_build(builder, &config) ||
        kt_conn_new(config, NULL, &conn)) {
        return 1;
    }
    printf("%zu bytes held\n", world.held);
    kt_conn_free(conn);
    kt_config_unref(config);
    kt_builder_free(builder);
    return world.held == 0 && world.peak > 0 ? 0 : 1;
}
