// The C ABI of the reader.
#include "c_api/handle.h"
#include "reader/container_reader.h"

struct paxect_reader : paxect::core::Handle<paxect::core::ContainerReader, paxect::core::Role::kReader> {
  using Handle::Handle;
};

namespace core = paxect::core;

namespace paxect::core {
namespace {

// One call of a reader: nothing of an earlier one's failure is left.
template <class Work>
paxect_status call(paxect_reader& reader, Work work) noexcept {
  reader.stage = Stage::kFresh;
  reader.status = {};
  return guarded(reader, Stage::kFresh, work);
}

// The same on the container that is open.
template <class Work>
paxect_status call_open(paxect_reader& reader, Work work) noexcept {
  return call(reader, [&] {
    return reader.codec.is_open() ? work() : failure(PAXECT_ERROR_SEQUENCE, "open a container first");
  });
}

paxect_status null_argument(paxect_reader& reader) noexcept {
  return call(reader, [] { return failure(PAXECT_ERROR_ARGUMENT, "a pointer is NULL"); });
}

}  // namespace
}  // namespace paxect::core

extern "C" {

paxect_status paxect_reader_create(const paxect_allocator* allocator, paxect_reader** out) {
  return core::create(allocator, out);
}
void paxect_reader_free(paxect_reader* reader) { core::destroy(reader); }
paxect_status paxect_reader_set_parameter(paxect_reader* reader, paxect_parameter parameter, int64_t value) {
  return core::set_parameter(reader, parameter, value);
}
paxect_status paxect_reader_set_progress(paxect_reader* reader, paxect_progress progress, void* opaque) {
  return core::set_progress(reader, progress, opaque);
}
uint64_t paxect_reader_memory(const paxect_reader* reader, uint32_t frame_size) {
  return reader == nullptr ? 0 : core::ContainerReader::memory(reader->parameters, frame_size);
}

paxect_status paxect_reader_open_fd(paxect_reader* reader, int fd) {
  if (reader == nullptr) return PAXECT_ERROR_ARGUMENT;
  return core::call(*reader, [&] { return reader->codec.open(fd); });
}
paxect_status paxect_reader_open_path(paxect_reader* reader, const char* path) {
  if (reader == nullptr) return PAXECT_ERROR_ARGUMENT;
  if (path == nullptr) return core::null_argument(*reader);
  return core::call(*reader, [&] { return reader->codec.open(std::string(path)); });
}

paxect_status paxect_reader_info(const paxect_reader* reader, paxect_container_info* info) {
  if (reader == nullptr) return PAXECT_ERROR_ARGUMENT;
  if (!reader->codec.is_open()) return PAXECT_ERROR_SEQUENCE;
  const core::ContainerEnds& ends = reader->codec.ends();
  return core::give(core::describe(ends.header, ends.footer, ends.container_size), info);
}

paxect_status paxect_reader_frames(paxect_reader* reader, paxect_frame_callback callback, void* opaque) {
  if (reader == nullptr) return PAXECT_ERROR_ARGUMENT;
  if (callback == nullptr) return core::null_argument(*reader);
  return core::call_open(*reader, [&] { return reader->codec.frames(reader->callbacks, callback, opaque); });
}

paxect_status paxect_reader_read(paxect_reader* reader, uint64_t offset, uint64_t length, paxect_sink sink,
                                 void* opaque) {
  if (reader == nullptr) return PAXECT_ERROR_ARGUMENT;
  if (sink == nullptr) return core::null_argument(*reader);
  return core::call_open(*reader, [&] {
    core::Callbacks callbacks = reader->callbacks;
    callbacks.sink = sink;
    callbacks.sink_opaque = opaque;
    return reader->codec.read(reader->parameters, callbacks, offset, length);
  });
}
paxect_status paxect_reader_read_path(paxect_reader* reader, uint64_t offset, uint64_t length,
                                      const char* output) {
  if (reader == nullptr) return PAXECT_ERROR_ARGUMENT;
  if (output == nullptr) return core::null_argument(*reader);
  return core::call_open(*reader, [&] {
    return reader->codec.read_to(reader->parameters, reader->callbacks, offset, length, output);
  });
}

paxect_status paxect_reader_compare(paxect_reader* reader, paxect_source source, void* source_opaque,
                                    paxect_difference_callback callback, void* opaque) {
  if (reader == nullptr) return PAXECT_ERROR_ARGUMENT;
  if (source == nullptr) return core::null_argument(*reader);
  return core::call_open(*reader, [&] {
    return reader->codec.compare(reader->callbacks, source, source_opaque, callback, opaque);
  });
}
paxect_status paxect_reader_compare_path(paxect_reader* reader, const char* original,
                                         paxect_difference_callback callback, void* opaque) {
  if (reader == nullptr) return PAXECT_ERROR_ARGUMENT;
  if (original == nullptr) return core::null_argument(*reader);
  return core::call_open(*reader, [&] {
    return reader->codec.compare(reader->callbacks, std::string(original), callback, opaque);
  });
}

const char* paxect_reader_error_message(const paxect_reader* reader) {
  return reader == nullptr ? "" : reader->status.message.c_str();
}
uint64_t paxect_reader_error_offset(const paxect_reader* reader) {
  return reader == nullptr ? 0 : reader->status.offset;
}
uint64_t paxect_reader_error_frame(const paxect_reader* reader) {
  return reader == nullptr ? 0 : reader->status.frame;
}

}  // extern "C"
