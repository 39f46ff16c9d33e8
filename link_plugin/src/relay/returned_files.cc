#include "relay/returned_files.h"

#include "base/relay_paths.h"

namespace paxect::link {

void ReturnedFiles::note(const Directory& folder, const Candidate& source,
                         const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    files_[join(source.folder, name)] = folder.look(name).identity;
    ++count_;
    if (name != source.name && name != sidecar_of(source.name))
      reporter_.log(
          {.level = Level::kWarn,
           .name = "name_conflict",
           .source = folder.path_of(source.name),
           .target = folder.path_of(name),
           .status = "ok",
           .message = source.name + " is taken: another file that had the name is " + name + " now"});
  }
}

bool ReturnedFiles::contains(const Candidate& file) const {
  auto found = files_.find(file.path());
  return found != files_.end() && found->second == file.identity;
}

}  // namespace paxect::link
