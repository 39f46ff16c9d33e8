#include "stages/original.h"

#include <paxect/core.h>

#include <algorithm>
#include <memory>
#include <string>

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

// The data that the frames of a container claim to have. A repairer decodes what its sink has accepted, and
// refuses a frame that claims anything else: so a claim is known before it costs anything.
class ClaimedData {
 public:
  // The next bytes of the container.
  void add(const char* bytes, std::size_t size) {
    const std::size_t all = held_.size() + size;
    const std::size_t before = all - std::min(all, kFooter);
    const std::size_t of_held = std::min(before, held_.size());
    read(held_.data(), of_held);
    held_.erase(0, of_held);
    read(bytes, before - of_held);
    held_.append(bytes + (before - of_held), size - (before - of_held));
  }
  std::uint64_t size() const { return size_; }

 private:
  static constexpr std::size_t kHeader = 24;
  static constexpr std::size_t kFrameHeader = 14;
  static constexpr std::size_t kFooter = 44;

  // Bytes that have a footer's size behind them, and are none of it.
  void read(const char* bytes, std::size_t size) {
    while (size != 0) {
      auto part = static_cast<std::size_t>(std::min<std::uint64_t>(skip_, size));
      skip_ -= part;
      if (part == 0) {
        part = std::min(size, kFrameHeader - frame_.size());
        frame_.append(bytes, part);
        if (frame_.size() == kFrameHeader) begin_frame();
      }
      bytes += part;
      size -= part;
    }
  }
  void begin_frame() {
    skip_ = number_at(2);
    size_ += number_at(6);
    frame_.clear();
  }
  std::uint32_t number_at(std::size_t at) const {
    std::uint32_t value = 0;
    for (std::size_t i = 4; i-- != 0;) value = value << 8 | static_cast<unsigned char>(frame_[at + i]);
    return value;
  }

  std::string held_;   // the last bytes, which may be the footer
  std::string frame_;  // the header of the frame that is read, as far as it is known
  std::uint64_t skip_ = kHeader;
  std::uint64_t size_ = 0;
};

struct Original {
  Sha256 sha;
  ClaimedData claimed;
  std::uint64_t max_bytes;

  bool is_too_large() const { return claimed.size() > max_bytes; }
  static std::int32_t write(void* self, const void* data, std::size_t size) noexcept try {
    auto& original = *static_cast<Original*>(self);
    original.sha.update(data, size);
    original.claimed.add(static_cast<const char*>(data), size);
    return original.is_too_large() ? 1 : 0;
  } catch (...) {
    return 1;
  }
};

std::int32_t progress(void* stop, std::uint64_t, std::uint64_t) noexcept {
  return (*static_cast<const Stop*>(stop))() ? 1 : 0;
}

}  // namespace

Status find_original(int container, const std::string& path, const Stop& stop, unsigned threads,
                     std::uint64_t max_bytes, std::string* digest) {
  if (!has_protection(container)) return Status::success();
  paxect_repairer* created = nullptr;
  if (paxect_repairer_create(nullptr, &created) != PAXECT_OK)
    return Status::environment("core: out of memory");
  std::unique_ptr<paxect_repairer, decltype(&paxect_repairer_free)> repairer(created, paxect_repairer_free);
  Original original{.sha = {}, .claimed = {}, .max_bytes = max_bytes};
  Stop asked = stop;
  paxect_repairer_set_parameter(created, PAXECT_PARAM_THREADS, threads);
  paxect_repairer_set_progress(created, progress, &asked);
  paxect_repairer_set_sink(created, Original::write, &original);
  paxect_status status = paxect_repairer_add_fd(created, container, path.c_str());
  if (status == PAXECT_OK) status = paxect_repairer_run(created);
  switch (status) {
    case PAXECT_OK:
      return original.sha.finish(digest);
    case PAXECT_ERROR_CANCELLED:
      return Status::stopped();
    case PAXECT_ERROR_SINK:
      if (!original.is_too_large()) return Status::environment("core: out of memory");
      digest->clear();
      return Status::success();
    case PAXECT_ERROR_MEMORY:
    case PAXECT_ERROR_CRYPTO:
      return Status::environment(std::string("core: ") + paxect_repairer_error_message(created));
    default:
      return Status::success();
  }
}

}  // namespace paxect::link
