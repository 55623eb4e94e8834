/*
 * commands.h - the subcommands. argv[0] is the name of the subcommand; the result is the exit code.
 */
#ifndef KT_COMMANDS_H
#define KT_COMMANDS_H

int kt_cmd_connect(int argc, char **argv);
int kt_cmd_serve(int argc, char **argv);
int kt_cmd_policy(int argc, char **argv);
int kt_cmd_tour(int argc, char **argv);

#endif
