/*
 * builder_impl.h - what tests need of the builder beyond the public API.
 */
#ifndef KT_BUILDER_IMPL_H
#define KT_BUILDER_IMPL_H

#include "seam/config_view.h"

/* Uses another provider instead of libcrypto: the toy. */
void kt_builder_crypto(struct kt_builder *b, const struct kt_crypto *crypto);

#endif
