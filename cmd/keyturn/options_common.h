/*
 * options_common.h - the table of the options that all commands with connections have; its target is the kt_options.
 */
#ifndef KT_OPTIONS_COMMON_H
#define KT_OPTIONS_COMMON_H

#include "options.h"

extern const struct kt_option kt_options_common[];

#endif
