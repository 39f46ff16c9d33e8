// What is under the path of a place now, as evidence of which place it is. The caller, who knows what was
// there before, decides what follows from it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/filesystem.h"
#include "base/mounts.h"
#include "base/status.h"

namespace paxect::link {

struct PlaceObservation {
  std::shared_ptr<const Directory> directory;  // NULL when there is none
  std::string token = {};                      // of its marker, "" without one
  std::string fingerprint = {};                // see directory_fingerprint()
  std::string mount = "-";                     // what is mounted there, "-" when it is on no mount of its own
};

// Observes places, and what they are mounted on. Not for two threads at a time.
class PlaceFinder {
 public:
  // `home` is the directory of the relay's own records: what is on the same mount as that, or as "/", is on
  // no mount of its own.
  explicit PlaceFinder(std::string home);

  // Success also when there is nothing under the path; a failure when that cannot be found out.
  Status observe(const std::string& path, PlaceObservation* out) const;
  // What the directory is mounted on, or would be that is yet to be made there; "-" for no mount of its own.
  std::string mount_at(const std::string& path) const;

 private:
  std::string mount_of(int directory) const;

  std::string home_;
  UniqueFd root_;
  Mounts mounts_;
};

// Whether it is certain that nothing has this path. What cannot be examined may be there.
bool is_absent(const std::string& path);

// Whether nothing is in it but what systems leave on every disk, and hidden files of ours.
Status is_unused(const Directory& directory, bool* unused);

}  // namespace paxect::link
