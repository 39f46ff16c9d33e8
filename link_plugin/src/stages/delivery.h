// Puts finished files under their names, durably and without ever replacing anything.
//
// A product is written under a temporary name in its target directory, flushed, and only then published. What
// to do in which order around that (journal, directories, audit) is the relay's business. Products are
// independent of each other: different threads may work on different ones.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/blocks.h"
#include "base/filesystem.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace paxect::link {

// A file in the target directory, whose content was compared with that of a product.
struct Compared {
  std::string name;
  FileIdentity identity;
  bool is_same = false;
};

struct Product {
  const Directory* directory = nullptr;
  std::string temporary;  // its name while it is written
  std::string name;       // the name it wants; after publish() the one it got
  std::string digest;     // hexadecimal SHA-256 of its bytes, known when they are written
  UniqueFd fd;
  FileIdentity identity = {};  // since note_identity()
  std::uint64_t size = 0;
  std::vector<Compared> compared = {};

  std::string path() const { return directory->path_of(name); }
};

enum class Published {
  kDelivered,
  kDuplicate,  // the same bytes already stood under the name; `name` says which
  kConflict    // other bytes stood there: delivered under a name of its own
};

// Creates the temporary file. A failure when anything has its name.
Status begin_product(Product* product);
// Appends; starts writing back along the way, so that the flush at the end has little left to do.
Status write_product(Product* product, const void* data, std::size_t size);
// All is written: starts writing back the rest, so that the disk has work while the processors have theirs.
void finish_writing(const Product& product);
// All is written and flushed: takes the identity of the file.
void note_identity(Product* product);
// Whether the temporary name still has the file that was written: anybody may have put another one there,
// which must be neither published nor removed.
Status check_own(const Product& product);
// All is written and its digest is known: compares it with the files that have the names that it may get, so
// that publishing has to read them only if they change in between. For large products, on the thread that
// wrote them.
Status compare_names(Product* product, const std::string& data_digest, const Stop& stop);
// Called right before a step, each time that it is tried; a failure ends the try. An empty one is not called.
struct AboutTo {
  std::function<Status()> name;       // the product gets its final name
  std::function<Status()> link = {};  // and a hard link stands in for the rename
  std::function<Status()> drop = {};  // the temporary is removed: a file under the name has the same bytes
};

// Renames it to its name, or finds that it is there already. Conflicts are told apart by digits of
// `data_digest`. Not durable before the directory is flushed.
Status publish_product(Product* product, const std::string& data_digest, const Stop& stop,
                       const AboutTo& about_to, Published* published);
// A container with its sidecar: the sidecar is in place before the container gets its name.
Status publish_container(Product* container, Product* sidecar, const std::string& data_digest,
                         const Stop& stop, const AboutTo& about_to, Published* published);
// Removes the temporary file if it is the one that was written. False when one may be left.
bool abandon_product(Product* product);

// Whether the regular file `name` has these bytes; false also when there is none.
Status has_content(const Directory& directory, const std::string& name, std::uint64_t size,
                   const std::string& digest, const Stop& stop, bool* same);

}  // namespace paxect::link
