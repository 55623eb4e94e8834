/*
 * combine.h - which versions, suites, groups and schemes of a configuration go together.
 */
#ifndef KT_COMBINE_H
#define KT_COMBINE_H

#include "config/builder_impl.h"

/*
 * The lists of `config` hold what may be used alone; afterwards each entry can be used together with others. Of what
 * was an order nothing may fall away: CONFIG_VERSIONS, CONFIG_SUITES, CONFIG_GROUPS, CONFIG_SCHEMES, as when nothing is
 * left.
 */
KT_MUST_USE const struct kt_fault *kt_combine(struct kt_builder *b, struct kt_config *config);

/* Whether a credential could sign for this side with the one at `index` of its schemes. A client's may do so with every
 * suite. */
bool kt_combine_signs(const struct kt_config *config, const uint16_t *schemes, size_t index);
/* Whether there is a suite that has the server's key decrypt, and a scheme tells of such a key. */
bool kt_combine_decrypts(const struct kt_config *config, uint16_t scheme);

#endif
