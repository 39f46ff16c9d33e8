// Paths of settings that cannot be used together.
#pragma once

#include "settings/link_config.h"
#include "settings/setting_reader.h"

namespace paxect::link {

// By the paths as they are written. Nothing is read from the disk.
void refuse_path_conflicts(const Host& host, const LinkConfig& config, SettingReader* reader);
// What read_config() does not look at, since a share that hangs would hang it: whether paths that differ lead
// to one directory, and whether the files of the relay are regular files as far as they exist.
Status check_paths(const Host& host, const LinkConfig& config);

}  // namespace paxect::link
