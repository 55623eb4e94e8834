/*
 * serve.h - keyturn serve.
 */
#ifndef KT_SERVE_H
#define KT_SERVE_H

/* argv[0] is the command's name; returns an exit code of options.h. */
int kt_cmd_serve(int argc, char **argv);

#endif
