// What exists under the name that an output is to have, and so how it is to be written. One thread at a time.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>

#include "descriptor.h"
#include "file_identity.h"
#include "status.h"

namespace paxect::core {

class OutputTarget {
 public:
  enum class Kind {
    kDescriptor,  // an open descriptor of the process: written to from where it is
    kInPlace,     // a device or FIFO: opened and written to
    kNothing,     // no file: one will be created
    kRegular      // a regular file: it will be replaced
  };

  // Follows symbolic links to what the name means. Errors: OPEN when an output cannot be written there.
  Status find(const std::string& path);
  // Finds out again what exists under the name, after the work and just before the new file gets it.
  // `changed`: a file exists there that find did not see. It must belong to this user, or to the owner of the
  // file that find saw: the new file gets its owner. Requires: is_new_file(). Errors: WRITE, OPEN when it
  // must not be replaced.
  Status find_again(bool& changed);
  // Whether the name still leads to the directory that find opened, which may have been moved since.
  // Requires: is_new_file(). Errors: WRITE.
  Status check_reachable() const;

  Kind kind() const { return kind_; }
  bool is_new_file() const { return kind_ == Kind::kNothing || kind_ == Kind::kRegular; }
  // The name as the user gave it, for messages.
  const std::string& shown_name() const { return shown_name_; }
  FileIdentity identity() const;

  // kDescriptor.
  int descriptor() const { return descriptor_; }
  // The others: the directory, open for good even when it is renamed, and the name of the file in it.
  int directory() const { return directory_.get(); }
  const struct stat& directory_file() const { return directory_file_; }
  const std::string& name() const { return name_; }
  // All but kNothing.
  const struct stat& file() const { return file_; }

 private:
  Status find_descriptor(int fd);
  Status follow(const std::string& path, int start);
  Status classify();
  Status classify_link_of_proc();
  Status check_replaceable() const;
  Status check_not_planted() const;
  Status refusal(const char* reason) const;

  Kind kind_ = Kind::kNothing;
  std::string shown_name_;
  int descriptor_ = -1;
  Descriptor start_;  // the working directory at find, which another thread may change; for a relative name
  Descriptor directory_;
  struct stat directory_file_ {};
  std::string name_;
  struct stat file_ {};
  std::optional<uid_t> first_owner_;  // of the regular file that find saw
};

}  // namespace paxect::core
