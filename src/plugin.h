/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * checkpointctl takes every executable checkpointctl-NAME in PATH as its command NAME. Installed
 * under PLUGIN_NAME too, firn is one: `checkpointctl firn build ...` runs it with all the
 * arguments.
 */
#ifndef FIRN_SRC_PLUGIN_H
#define FIRN_SRC_PLUGIN_H

#include <stdbool.h>

#define PLUGIN_NAME        "checkpointctl-firn"
#define PLUGIN_EXIT_STATUS 42 /* by this checkpointctl knows a plugin (its cmd/plugin.go) */

/* Whether this is checkpointctl asking what its command does: then a line was printed. */
bool plugin_asked(int argc, char **argv);

#endif
