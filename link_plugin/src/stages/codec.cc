#include "stages/codec.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/digest.h"
#include "base/filesystem.h"
#include "base/host.h"

namespace paxect::link {
namespace {

constexpr std::uint64_t kSmall = std::uint64_t{4} << 20;
constexpr std::size_t kGathered = std::size_t{64} << 10;

// Reads a descriptor for the core, hashing what it reads if asked to; no more than `size` bytes, since a file
// that grows as fast as it is read has no end.
struct Source {
  int fd = -1;
  std::uint64_t size = 0;
  Sha256* sha = nullptr;
  std::atomic<std::uint64_t>* counter = nullptr;
  std::uint64_t offset = 0;
  int error = 0;

  ssize_t read_some(void* buffer, std::size_t capacity) {
    capacity = static_cast<std::size_t>(std::min<std::uint64_t>(capacity, size - offset));
    if (capacity == 0) return 0;
    for (;;) {
      ssize_t got = pread(fd, buffer, capacity, static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) error = errno;
      if (got > 0) {
        offset += static_cast<std::uint64_t>(got);
        if (counter != nullptr) *counter += static_cast<std::uint64_t>(got);
        if (sha != nullptr) sha->update(buffer, static_cast<std::size_t>(got));
      }
      return got;
    }
  }

  static int32_t call(void* opaque, void* buffer, std::size_t capacity, std::size_t* size) noexcept {
    ssize_t got = static_cast<Source*>(opaque)->read_some(buffer, capacity);
    *size = got > 0 ? static_cast<std::size_t>(got) : 0;
    return got < 0 ? 1 : 0;
  }

  // To the end, for the hash alone.
  void drain() {
    std::array<char, 65536> buffer;
    while (read_some(buffer.data(), buffer.size()) > 0) {
    }
  }
};

struct Sink {
  const Codec::Write& write;
  Sha256* sha = nullptr;
  std::uint64_t max_bytes = UINT64_MAX;
  std::uint64_t size = 0;
  Status status = {};
  bool gathers = false;  // small pieces are written together, the last ones by finish()
  std::string pieces = {};

  Status take(const void* data, std::size_t count) {
    size += count;
    if (size > max_bytes) return Status::blocked("file_too_large:" + std::to_string(size) + "B");
    if (sha != nullptr) sha->update(data, count);
    if (!gathers) return write(data, count);
    if (pieces.size() + count > kGathered)
      if (Status written = finish(); !written.ok()) return written;
    if (count > kGathered) return write(data, count);
    pieces.append(static_cast<const char*>(data), count);
    return Status::success();
  }

  Status finish() {
    if (pieces.empty()) return Status::success();
    Status written = write(pieces.data(), pieces.size());
    pieces.clear();
    return written;
  }

  static int32_t call(void* opaque, const void* data, std::size_t count) noexcept {
    auto self = static_cast<Sink*>(opaque);
    try {
      self->status = self->take(data, count);
    } catch (const std::exception& error) {
      self->status = Status::environment(exception_text(error));
    }
    return self->status.ok() ? 0 : 1;
  }
};

int32_t progress(void* opaque, uint64_t, uint64_t) noexcept {
  return (*static_cast<const Codec::Stop*>(opaque))() ? 1 : 0;
}

// Where a container is wrong, as paxect-core says it.
std::string place_of(std::uint64_t offset, std::uint64_t frame) {
  return " (byte " + std::to_string(offset) + ", frame " + std::to_string(frame) + ")";
}

// Whether the frames add up to what the footer says; without decompressing them. A container that cannot be
// read to its end does not refute it.
paxect_status compare_totals(int container) {
  paxect_reader* created = nullptr;
  if (paxect_reader_create(nullptr, &created) != PAXECT_OK) return PAXECT_ERROR_MEMORY;
  std::unique_ptr<paxect_reader, decltype(&paxect_reader_free)> reader(created, paxect_reader_free);
  paxect_container_info info{};
  info.struct_size = sizeof info;
  paxect_status status = paxect_reader_open_fd(created, container);
  if (status == PAXECT_OK) status = paxect_reader_info(created, &info);
  return status >= PAXECT_ERROR_MAGIC || status == PAXECT_ERROR_MEMORY ? status : PAXECT_OK;
}

paxect_repair_report report_of(const paxect_repairer* repairer) {
  paxect_repair_report report{};
  report.struct_size = sizeof report;
  paxect_repairer_report(repairer, &report);
  return report;
}

// What a failure of the core means for the file.
Status failure(paxect_status status, const char* event, const std::string& path, const std::string& message,
               const Source& source, const Sink& sink) {
  switch (status) {
    case PAXECT_ERROR_SOURCE:
      return io_failure("read", path, source.error);
    case PAXECT_ERROR_SINK:
      return sink.status;
    case PAXECT_ERROR_CANCELLED:
      return Status::stopped();
    case PAXECT_ERROR_MEMORY:
    case PAXECT_ERROR_CRYPTO:
      return Status::environment("core: " + message);
    default:
      break;
  }
  return status >= PAXECT_ERROR_MAGIC ? Status::integrity(event, message) : Status::refused(event, message);
}

}  // namespace

Codec::Codec(Stop stop, const Encoding& encoding)
    : stop_([this, given = std::move(stop)] { return given() || (also_ && also_()); }) {
  paxect_encoder* encoder = nullptr;
  paxect_decoder* decoder = nullptr;
  if (paxect_encoder_create(nullptr, &encoder) == PAXECT_OK) encoder_.reset(encoder);
  if (paxect_decoder_create(nullptr, &decoder) == PAXECT_OK) decoder_.reset(decoder);
  if (!encoder_ || !decoder_) return;
  paxect_encoder_set_progress(encoder, progress, &stop_);
  paxect_encoder_set_parameter(encoder, PAXECT_PARAM_LEVEL, encoding.level);
  paxect_encoder_set_parameter(encoder, PAXECT_PARAM_FRAME_SIZE, encoding.frame_size);
  paxect_encoder_set_parameter(encoder, PAXECT_PARAM_CHANNELS, encoding.channels);
  paxect_encoder_set_parameter(encoder, PAXECT_PARAM_PROTECT, encoding.protect);
  paxect_decoder_set_progress(decoder, progress, &stop_);
}

// Small files are worked on side by side, large ones with all of the machine.
unsigned Codec::threads_for(std::uint64_t size) { return size <= kSmall ? 1 : 0; }

// `container_size`: what the container has to have; 0: it is not known.
paxect_decoder* Codec::begin_decoder(std::uint64_t size, std::uint64_t container_size, void* sink) {
  paxect_decoder* decoder = decoder_.get();
  paxect_decoder_reset(decoder);
  paxect_decoder_set_parameter(decoder, PAXECT_PARAM_THREADS, threads_for(size));
  paxect_decoder_set_parameter(decoder, PAXECT_PARAM_CONTAINER_SIZE,
                               static_cast<std::int64_t>(container_size));
  paxect_decoder_set_sink(decoder, Sink::call, sink);
  return decoder;
}

Status Codec::ready() const {
  return encoder_ && decoder_ ? Status::success() : Status::environment("core: out of memory");
}

Status Codec::encode(int fd, const std::string& path, std::uint64_t size, const Write& write,
                     Result* result) {
  if (Status status = ready(); !status.ok()) return status;
  Sha256 sha;
  Source source{.fd = fd, .size = size, .counter = counter_};
  Sink sink{.write = write, .sha = &sha, .gathers = true};
  paxect_encoder* encoder = encoder_.get();
  paxect_encoder_reset(encoder);
  paxect_encoder_set_parameter(encoder, PAXECT_PARAM_THREADS, threads_for(size));
  paxect_encoder_set_sink(encoder, Sink::call, &sink);
  paxect_status status = paxect_encoder_run(encoder, Source::call, &source);
  if (status != PAXECT_OK)
    return failure(status, "encode_error", path, paxect_encoder_error_message(encoder), source, sink);
  if (Status written = sink.finish(); !written.ok()) return written;
  paxect_container_info info{};
  info.struct_size = sizeof info;
  paxect_encoder_info(encoder, &info);
  *result = {.data_digest = hex(info.sha256, sizeof info.sha256),
             .container_digest = "",
             .data_size = source.offset,
             .container_size = sink.size};
  return sha.finish(&result->container_digest);
}

Status Codec::decode(int fd, const std::string& path, std::uint64_t size, std::uint64_t max_bytes,
                     const Write& write, Result* result) {
  if (Status status = ready(); !status.ok()) return status;
  Sha256 sha;
  Source source{.fd = fd, .size = size, .sha = &sha, .counter = counter_};
  Sink sink{.write = write, .max_bytes = max_bytes};
  paxect_decoder* decoder = begin_decoder(size, size, &sink);
  paxect_status status = paxect_decoder_run(decoder, Source::call, &source);
  bool whole = source.error == 0 && status != PAXECT_ERROR_CANCELLED;
  if (whole) source.drain();
  *result = {"", "", sink.size, source.offset, source.error};
  // Without it the container cannot be compared with its sidecar, whatever decoding it showed.
  if (Status hashed = sha.finish(&result->container_digest); !hashed.ok()) return hashed;
  if (status != PAXECT_OK) {
    std::string message = paxect_decoder_error_message(decoder);
    if (status >= PAXECT_ERROR_MAGIC)
      message += place_of(paxect_decoder_error_offset(decoder), paxect_decoder_error_frame(decoder));
    return failure(status, "decode_error", path, message, source, sink);
  }
  paxect_container_info info{};
  info.struct_size = sizeof info;
  paxect_decoder_info(decoder, &info);
  result->data_digest = hex(info.sha256, sizeof info.sha256);
  return Status::success();
}

Status Codec::repair(int damaged, const std::string& path, std::uint64_t size, std::uint64_t max_bytes,
                     const Write& container, const Write& data, Result* result, Repair* repair) {
  paxect_repairer* created = nullptr;
  if (Status status = ready(); !status.ok()) return status;
  if (paxect_repairer_create(nullptr, &created) != PAXECT_OK)
    return Status::environment("core: out of memory");
  std::unique_ptr<paxect_repairer, Free<paxect_repairer_free>> repairer(created);
  Sha256 sha;
  Sink to_data{.write = data, .max_bytes = max_bytes};
  // Damage may have made the container shorter or longer than it was.
  paxect_decoder* decoder = begin_decoder(size, 0, &to_data);
  // The repairer decodes too, but keeps the data to itself.
  const Write to_both = [&](const void* bytes, std::size_t count) {
    Status status = container(bytes, count);
    if (!status.ok()) return status;
    paxect_status decoded = paxect_decoder_write(decoder, bytes, count);
    if (decoded == PAXECT_OK) return status;
    return failure(decoded, "decode_error", path, paxect_decoder_error_message(decoder), {}, to_data);
  };
  Sink to_container{.write = to_both, .sha = &sha};
  paxect_repairer_set_parameter(created, PAXECT_PARAM_THREADS, threads_for(size));
  paxect_repairer_set_progress(created, progress, &stop_);
  paxect_repairer_set_sink(created, Sink::call, &to_container);
  paxect_status status = paxect_repairer_add_fd(created, damaged, path.c_str());
  if (status == PAXECT_OK) status = paxect_repairer_run(created);
  if (status == PAXECT_OK) {
    status = paxect_decoder_finish(decoder);
    if (status != PAXECT_OK)
      return failure(status, "decode_error", path, paxect_decoder_error_message(decoder), {}, to_data);
  } else {
    // NO_PROTECTION is also of a container that has some, if it may be data of another one.
    const bool has_none = status == PAXECT_ERROR_NO_PROTECTION && report_of(created).protection == 0;
    const char* event = has_none ? kUnprotected : "decode_error";
    return failure(status, event, path, paxect_repairer_error_message(created), {}, to_container);
  }
  const paxect_repair_report report = report_of(created);
  *repair = {.cells = report.cells, .damaged = report.damaged};
  *result = {.data_digest = hex(report.sha256, sizeof report.sha256),
             .container_digest = "",
             .data_size = to_data.size,
             .container_size = to_container.size};
  return sha.finish(&result->container_digest);
}

Status Codec::read_footer(int container, std::uint64_t believed, FooterInfo* footer) {
  *footer = {};
  paxect_container_info info{};
  info.struct_size = sizeof info;
  std::array<char, 256> message{};
  paxect_status status = paxect_read_info_fd(container, &info, message.data(), message.size());
  // What cannot be read claims nothing. Whoever reads the container to its end reports it, or repairs it.
  if (status == PAXECT_ERROR_READ) return Status::success();
  // Of a container that was cut off, other bytes are where the footer was: its frames show it.
  if (status == PAXECT_OK && info.total_size > believed) status = compare_totals(container);
  if (status == PAXECT_ERROR_MEMORY) return Status::environment("core: out of memory");
  if (status != PAXECT_OK) return Status::integrity("decode_error", message.data());
  *footer = {info.total_size, hex(info.sha256, sizeof info.sha256)};
  return Status::success();
}

}  // namespace paxect::link
