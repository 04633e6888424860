/* commands.h - one function a subcommand; the table is in main.c. */
#ifndef HOLDFAST_TOOLS_COMMANDS_H
#define HOLDFAST_TOOLS_COMMANDS_H

#include "cli.h"

cli_command_fn cmd_load;
cli_command_fn cmd_save;
cli_command_fn cmd_mount;
cli_command_fn cmd_mounts;
cli_command_fn cmd_umount;
cli_command_fn cmd_unpack;
cli_command_fn cmd_workspace;
cli_command_fn cmd_import;
cli_command_fn cmd_commit;
cli_command_fn cmd_tag;
cli_command_fn cmd_untag;
cli_command_fn cmd_rmi;
cli_command_fn cmd_prune;
cli_command_fn cmd_images;
cli_command_fn cmd_exists;
cli_command_fn cmd_inspect;
cli_command_fn cmd_history;
cli_command_fn cmd_df;
cli_command_fn cmd_hold;
cli_command_fn cmd_recover;
cli_command_fn cmd_fsck;
cli_command_fn cmd_wal;
cli_command_fn cmd_config;

#endif
