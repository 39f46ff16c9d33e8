#include "stages/original.h"

#include <paxect/core.h>

#include <memory>

#include "base/digest.h"

namespace paxect::link {
namespace {

// By the headers of its frames. What they do not say is left to the search for records.
bool has_protection(int container) {
  paxect_reader* created = nullptr;
  if (paxect_reader_create(nullptr, &created) != PAXECT_OK) return true;
  std::unique_ptr<paxect_reader, decltype(&paxect_reader_free)> reader(created, paxect_reader_free);
  paxect_container_info info{};
  info.struct_size = sizeof info;
  paxect_status status = paxect_reader_open_fd(created, container);
  if (status == PAXECT_OK) status = paxect_reader_info(created, &info);
  return status != PAXECT_OK || info.protection_size != 0;
}

std::int32_t hash(void* sha, const void* data, std::size_t size) noexcept {
  static_cast<Sha256*>(sha)->update(data, size);
  return 0;
}

std::int32_t progress(void* stop, std::uint64_t, std::uint64_t) noexcept {
  return (*static_cast<const Stop*>(stop))() ? 1 : 0;
}

}  // namespace

Status find_original(int container, const std::string& path, const Stop& stop, unsigned threads,
                     std::string* digest) {
  if (!has_protection(container)) return Status::success();
  paxect_repairer* created = nullptr;
  if (paxect_repairer_create(nullptr, &created) != PAXECT_OK)
    return Status::environment("core: out of memory");
  std::unique_ptr<paxect_repairer, decltype(&paxect_repairer_free)> repairer(created, paxect_repairer_free);
  Sha256 sha;
  Stop asked = stop;
  paxect_repairer_set_parameter(created, PAXECT_PARAM_THREADS, threads);
  paxect_repairer_set_progress(created, progress, &asked);
  paxect_repairer_set_sink(created, hash, &sha);
  paxect_status status = paxect_repairer_add_fd(created, container, path.c_str());
  if (status == PAXECT_OK) status = paxect_repairer_run(created);
  switch (status) {
    case PAXECT_OK:
      return sha.finish(digest);
    case PAXECT_ERROR_CANCELLED:
      return Status::stopped();
    case PAXECT_ERROR_MEMORY:
    case PAXECT_ERROR_CRYPTO:
      return Status::environment(std::string("core: ") + paxect_repairer_error_message(created));
    default:
      return Status::success();
  }
}

}  // namespace paxect::link
