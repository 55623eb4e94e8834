/*
 * psk_file.h - external pre-shared keys from a file, so that none of them stands in a command line.
 *
 * Each line is IDENTITY:HEXKEY; the last colon counts. An identity that begins with 0x is hexadecimal, so that it may
 * hold any bytes. Empty lines and those that begin with # are passed over. The file is its owner's alone.
 */
#ifndef KT_PSK_FILE_H
#define KT_PSK_FILE_H

#include "options.h"

/* Adds the keys of the file to a builder, as --psk-hash and --psk-import say. KT_EXIT_NONE, or the message was
 * printed. */
enum kt_exit kt_psk_file_load(const struct kt_options *options, struct kt_builder *builder);

#endif
