#include "reader/container_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <span>

#include "file_jobs.h"
#include "input_file.h"
#include "little_endian.h"
#include "protect/records.h"

namespace paxect::core {

void ContainerReader::close() {
  owned_.close();
  container_ = {};
  from_standard_stream_ = false;
  verified_ = false;
  protection_ = {};
  marks_.clear();
}

Status ContainerReader::open(int fd) {
  close();
  return open(fd, "container");
}

Status ContainerReader::open(const std::string& path) {
  close();
  std::optional<int> given = path == "-" ? STDIN_FILENO : descriptor_named(path);
  from_standard_stream_ = given.has_value();
  if (given) return open(*given, shown_input(path));
  owned_ = open_at(AT_FDCWD, path, O_RDONLY | O_NONBLOCK);  // not wait at a FIFO
  if (!owned_.valid()) return system_failure(PAXECT_ERROR_OPEN, shown_input(path), "cannot open", errno);
  return open(owned_.get(), shown_input(path));
}

Status ContainerReader::open(int fd, const std::string& name) {
  container_.name = name;
  Status status = read_ends(fd, container_.ends, container_.name);
  if (status.ok())
    container_.fd = fd;
  else
    owned_.close();
  return status;
}

// Adds an extension frame, if it is one of protection. The last one ends with a trailer, which has the
// percentage.
Status ContainerReader::note_protection(const FrameRecord& frame) {
  std::array<std::uint8_t, kExtensionPrefixSize> prefix;
  Status status =
      read_at(container_.fd, frame.payload_offset(), prefix.data(), prefix.size(), container_.name);
  if (!status.ok() || load<std::uint32_t>(&prefix[kEmptyZstdFrame.size()]) != kProtectionMagic) return status;
  protection_.size += frame.end() - frame.offset;
  if (frame.header.clen < kTrailerSize) return {};
  std::array<std::uint8_t, kTrailerSize> bytes;
  status = read_at(container_.fd, frame.end() - kTrailerSize, bytes.data(), bytes.size(), container_.name);
  Trailer trailer;
  bool is_trailer = status.ok() &&
                    record_kind(std::span(bytes).first<kRecordStartSize>()) == RecordKind::kTrailer &&
                    read_trailer(bytes, trailer);
  if (is_trailer) protection_.percent = trailer.percent;
  return status;
}

Status ContainerReader::verify(const Callbacks& callbacks) {
  if (verified_) return check_size_unchanged(container_.fd, container_.ends, container_.name);
  marks_.clear();
  protection_ = {};
  walker_.begin(container_.fd, container_.name, container_.ends);
  for (;;) {
    FrameRecord frame;
    bool more;
    Status status = walker_.next(frame, more);
    if (status.ok() && !more) break;
    if (status.ok()) status = callbacks.report(0, 0);  // the work itself begins afterwards
    if (!status.ok()) return status;
    marks_.note(frame);
    if (frame.extension()) status = note_protection(frame);
    if (!status.ok()) return status;
  }
  Status status = check_size_unchanged(container_.fd, container_.ends, container_.name);
  verified_ = status.ok();
  return status;
}

Status ContainerReader::frames(const Callbacks& callbacks, paxect_frame_callback callback, void* opaque) {
  walker_.begin(container_.fd, container_.name, container_.ends);
  for (;;) {
    FrameRecord frame;
    bool more;
    Status status = walker_.next(frame, more);
    if (status.ok() && !more) return check_size_unchanged(container_.fd, container_.ends, container_.name);
    if (!status.ok()) return status;
    paxect_frame_info info{};
    info.struct_size = sizeof info;
    info.number = frame.number;
    info.offset = frame.offset;
    info.data_offset = frame.data_offset;
    info.clen = frame.header.clen;
    info.ulen = frame.header.ulen;
    info.crc = frame.header.crc;
    info.channel = frame.header.channel;
    info.extension = frame.extension() ? 1 : 0;
    if (callback(opaque, &info) != 0) return failure(PAXECT_ERROR_SINK, "the callback stopped the work");
    status = callbacks.report(frame.end(), frame.data_end());
    if (!status.ok()) return status;
  }
}

Status ContainerReader::check_range(std::uint64_t offset, std::uint64_t& length) const {
  std::uint64_t size = container_.ends.footer.total_size;
  if (offset <= size && length == UINT64_MAX) length = size - offset;
  if (offset <= size && length <= size - offset) return {};
  return failure(PAXECT_ERROR_PARAMETER, container_.name + ": the range does not lie in the " +
                                             std::to_string(size) + " bytes of data");
}

Status ContainerReader::read(const Parameters& parameters, const Callbacks& callbacks, std::uint64_t offset,
                             std::uint64_t length) {
  Status status = verify(callbacks);
  if (status.ok()) status = check_range(offset, length);
  if (!status.ok()) return status;
  walker_.begin(container_.fd, container_.name, container_.ends);
  const FrameRecord* mark = marks_.before(offset);
  if (mark != nullptr) walker_.return_to(*mark);
  return ranges_.read(container_, walker_, parameters, callbacks, offset, length);
}

Status ContainerReader::read_to(const Parameters& parameters, const Callbacks& callbacks,
                                std::uint64_t offset, std::uint64_t length, const std::string& output) {
  Status status = verify(callbacks);
  if (status.ok()) status = check_range(offset, length);
  if (!status.ok()) return status;
  NamedDescriptor input{container_.fd, container_.name, !from_standard_stream_};
  return write_file(std::span(&input, 1), output, parameters, callbacks, [&](const Callbacks& to_file, bool) {
    return read(parameters, to_file, offset, length);
  });
}

Status ContainerReader::compare(const Callbacks& callbacks, const Original& original,
                                paxect_difference_callback callback, void* opaque) {
  Status status = verify(callbacks);
  if (!status.ok()) return status;
  walker_.begin(container_.fd, container_.name, container_.ends);
  status = comparison_.run(walker_, container_.ends, callbacks, original, callback, opaque);
  return status.ok() ? check_size_unchanged(container_.fd, container_.ends, container_.name) : status;
}

Status ContainerReader::compare(const Callbacks& callbacks, const std::string& original,
                                paxect_difference_callback callback, void* opaque) {
  return read_file(original, callbacks, [&](paxect_source source, void* source_opaque, std::uint64_t size) {
    return compare(callbacks, Original{source, source_opaque, size}, callback, opaque);
  });
}

std::uint64_t ContainerReader::memory(const Parameters& parameters, std::uint64_t frame_size) {
  return RangeReader::memory(parameters, frame_size) + FrameWalker::memory() + FrameMarks::memory() +
         Comparison::memory();
}

}  // namespace paxect::core
