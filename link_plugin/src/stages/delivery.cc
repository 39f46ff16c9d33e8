#include "stages/delivery.h"

#include <tuple>

#include "base/relay_paths.h"

namespace paxect::link {
namespace {

constexpr std::uint64_t kWritebackChunk = std::uint64_t{8} << 20;
// As much may wait for the disk. A flush, which nothing can end early, then takes no longer than a stop may,
// and small files beside a large one do not wait for its data to reach the disk with theirs.
constexpr std::uint64_t kMaxUnwritten = 2 * kWritebackChunk;
constexpr std::uint64_t kFewBytes = std::uint64_t{64} << 10;  // better written together with others

Status no_name_left(const Product& product) {
  return Status::wait("every name for " + product.path() + " is taken: move some of them away");
}

// Whether the file of this name has the product's bytes.
Status has_product(const Product& product, const std::string& name, const Stop& stop, bool* same) {
  const FileStat observed = product.directory->stat_of(name);
  for (const Compared& each : product.compared)
    if (each.name == name && observed.kind == FileKind::kRegular && each.identity == observed.identity) {
      *same = each.is_same;
      return Status::success();
    }
  return has_content(*product.directory, name, product.size, product.digest, stop, same);
}

// Calls `attempt` with the wanted name and then with its conflict names until one does not say `taken`.
template <class Attempt>
Status with_free_name(Product* product, const std::string& data_digest, Published* published,
                      const Attempt& attempt) {
  const std::string wanted = product->name;
  bool taken = false;
  Status status = attempt(wanted, &taken);
  if (!taken) return status;
  for (std::size_t digits : kConflictDigits) {
    *published = Published::kConflict;
    product->name = conflict_of(wanted, data_digest, digits);
    status = attempt(product->name, &taken);
    if (!taken) return status;
  }
  product->name = wanted;
  return no_name_left(*product);
}

// Of a duplicate.
Status drop_temporary(const Product& product, const AboutTo& about_to) {
  if (about_to.drop)
    if (Status status = about_to.drop(); !status.ok()) return status;
  return product.directory->remove(product.temporary);
}

}  // namespace

Status begin_product(Product* product) {
  product->identity = {};
  return product->directory->create_new(product->temporary, &product->fd);
}

Status write_product(Product* product, const void* data, std::size_t size) {
  Status status = write_all(product->fd.get(), data, size, product->path());
  if (!status.ok()) return status;
  std::uint64_t before = product->size / kWritebackChunk * kWritebackChunk;
  product->size += size;
  std::uint64_t after = product->size / kWritebackChunk * kWritebackChunk;
  if (after <= before) return status;
  start_writeback(product->fd.get(), before, after - before);
  if (before < kMaxUnwritten) return status;
  return finish_writeback(product->fd.get(), before - kMaxUnwritten, after - before, product->path());
}

void finish_writing(const Product& product) {
  if (product.size < kFewBytes) return;
  std::uint64_t begun = product.size / kWritebackChunk * kWritebackChunk;
  if (product.size > begun) start_writeback(product.fd.get(), begun, product.size - begun);
}

Status has_content(const Directory& directory, const std::string& name, std::uint64_t size,
                   const std::string& digest, const Stop& stop, bool* same) {
  *same = false;
  FileStat observed = directory.stat_of(name);
  if (observed.kind == FileKind::kUnknown) return io_failure("stat", directory.path_of(name), observed.error);
  if (observed.kind != FileKind::kRegular || observed.identity.size != size) return Status::success();
  UniqueFd fd;
  FileIdentity identity;
  std::uint64_t measured = 0;
  std::string found;
  Status status = directory.open_source(name, &fd, &identity);
  if (status.ok()) status = measure(fd.get(), directory.path_of(name), stop, &measured, &found);
  if (status.ok() && found == digest) {
    // Somebody else may have written it, just now.
    status = sync_file(fd.get(), directory.path_of(name));
    *same = status.ok();
  }
  return status.fault == Fault::kGone || status.fault == Fault::kChanged ? Status::success() : status;
}

void note_identity(Product* product) { product->identity = stat_fd(product->fd.get()).identity; }

Status check_own(const Product& product) {
  const bool is_noted = product.identity.inode != 0;
  const FileIdentity ours = is_noted ? product.identity : stat_fd(product.fd.get()).identity;
  FileStat there = product.directory->stat_of(product.temporary);
  const std::string path = product.directory->path_of(product.temporary);
  if (there.kind == FileKind::kUnknown) return io_failure("stat", path, there.error);
  if (there.kind == FileKind::kRegular && there.identity.device == ours.device &&
      there.identity.inode == ours.inode)
    return Status::success();
  return Status::environment(path +
                             (there.kind == FileKind::kMissing
                                  ? " is gone: nobody but this relay may remove it"
                                  : " is another file now: it stays as it is") +
                             ", and the source is delivered under another temporary name");
}

Status compare_names(Product* product, const std::string& data_digest, const Stop& stop) {
  std::vector<std::string> names = {product->name};
  for (std::size_t digits : kConflictDigits) names.push_back(conflict_of(product->name, data_digest, digits));
  for (const std::string& name : names) {
    const FileStat observed = product->directory->stat_of(name);
    if (observed.kind == FileKind::kMissing) break;
    bool same = false;
    Status status = has_content(*product->directory, name, product->size, product->digest, stop, &same);
    if (!status.ok()) return status;
    product->compared.push_back({name, observed.identity, same});
    if (same) break;
  }
  return Status::success();
}

Status publish_product(Product* product, const std::string& data_digest, const Stop& stop,
                       const AboutTo& about_to, Published* published) {
  if (Status own = check_own(*product); !own.ok()) return own;
  *published = Published::kDelivered;
  const Directory& directory = *product->directory;
  return with_free_name(product, data_digest, published, [&](const std::string& name, bool* taken) {
    Status status = about_to.name();
    if (status.ok()) status = directory.rename_new(product->temporary, name, taken, about_to.link);
    if (!*taken) return status;
    bool same = false;
    status = has_product(*product, name, stop, &same);
    if (!status.ok() || same) *taken = false;
    if (!status.ok() || !same) return status;
    *published = Published::kDuplicate;
    return drop_temporary(*product, about_to);
  });
}

namespace {

// Gives the sidecar its name. `*taken` when a file with another content has it; one that has the same
// content, from before a crash or from one that waits for its container, is as good.
Status place_sidecar(Product* sidecar, const Stop& stop, bool* placed, bool* taken) {
  const Directory& directory = *sidecar->directory;
  Status status = directory.rename_new(sidecar->temporary, sidecar->name, taken);
  *placed = status.ok() && !*taken;
  if (!*taken) return status;
  bool same = false;
  status = has_content(directory, sidecar->name, sidecar->size, sidecar->digest, stop, &same);
  *taken = status.ok() && !same;
  if (status.ok() && same) std::ignore = directory.remove(sidecar->temporary);
  return status;
}

}  // namespace

Status publish_container(Product* container, Product* sidecar, const std::string& data_digest,
                         const Stop& stop, const AboutTo& about_to, Published* published) {
  for (const Product* product : {container, sidecar})
    if (Status own = check_own(*product); !own.ok()) return own;
  *published = Published::kDelivered;
  const Directory& directory = *container->directory;
  return with_free_name(container, data_digest, published, [&](const std::string& name, bool* taken) {
    *taken = false;
    sidecar->name = sidecar_of(name);
    bool same = false;
    FileStat observed = directory.stat_of(name);
    if (observed.kind != FileKind::kMissing) {
      Status status = has_product(*container, name, stop, &same);
      *taken = status.ok() && !same;
      if (!status.ok() || !same) return status;
      // It may be without its sidecar. Beside the sidecar of another container it is of no use to a receiver.
      bool placed = false;
      status = place_sidecar(sidecar, stop, &placed, taken);
      if (!status.ok() || *taken) return status;
      *published = Published::kDuplicate;
      status = about_to.name();
      return status.ok() ? drop_temporary(*container, about_to) : status;
    }
    bool placed = false;
    Status status = place_sidecar(sidecar, stop, &placed, taken);
    if (!status.ok() || *taken) return status;
    status = about_to.name();
    if (status.ok()) status = directory.rename_new(container->temporary, name, taken, about_to.link);
    if (status.ok() || (!placed && !*taken)) return status;
    // Somebody took the name just now, or it cannot be had: the sidecar must not stand beside a container
    // that is not ours, nor alone, since the next try may get another name.
    bool impossible = false;
    Status undone = directory.rename_new(sidecar->name, sidecar->temporary, &impossible);
    return *taken ? undone : status;
  });
}

bool abandon_product(Product* product) {
  if (!product->fd) return true;
  const bool is_removed = check_own(*product).ok() && product->directory->remove(product->temporary).ok();
  product->fd.reset();
  return is_removed;
}

}  // namespace paxect::link
