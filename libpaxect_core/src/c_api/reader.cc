// The C ABI of the reader.
#include "c_api/handle.h"
#include "reader/container_reader.h"

struct paxect_reader : paxect::core::Handle<paxect::core::ContainerReader, paxect::core::Role::kReader> {
  using Handle::Handle;
};

namespace core = paxect::core;

namespace paxect::core {
namespace {

// A job on the container that is open.
template <class Work>
paxect_status open_job(paxect_reader* reader, bool pointers_given, Work work) noexcept {
  paxect_status status = admit(reader, pointers_given);
  if (status != PAXECT_OK) return status;
  if (!reader->codec.is_open()) return refuse(*reader, PAXECT_ERROR_SEQUENCE, "open a container first");
  return one_call_job(reader, true, work);
}

}  // namespace
}  // namespace paxect::core

extern "C" {

paxect_status paxect_reader_create(const paxect_allocator* allocator, paxect_reader** out) {
  return core::create(allocator, out);
}
void paxect_reader_free(paxect_reader* reader) { core::destroy(reader); }
paxect_status paxect_reader_set_parameter(paxect_reader* reader, paxect_parameter id, int64_t value) {
  return core::set_parameter(reader, id, value);
}
paxect_status paxect_reader_set_progress(paxect_reader* reader, paxect_progress progress, void* opaque) {
  return core::set_progress(reader, progress, opaque);
}
uint64_t paxect_reader_memory(const paxect_reader* reader, uint32_t frame_size) {
  return reader == nullptr ? 0 : core::ContainerReader::memory(reader->parameters, frame_size);
}

paxect_status paxect_reader_open_fd(paxect_reader* reader, int fd) {
  paxect_status status = core::admit_descriptor(reader, fd);
  if (status != PAXECT_OK) return status;
  return core::one_call_job(reader, true, [&] { return reader->codec.open(fd); });
}
paxect_status paxect_reader_open_path(paxect_reader* reader, const char* path) {
  return core::one_call_job(reader, path != nullptr, [&] { return reader->codec.open(std::string(path)); });
}

paxect_status paxect_reader_info(paxect_reader* reader, paxect_container_info* info) {
  if (!core::can_take_structure(info)) {
    paxect_status status = core::admit(reader, info != nullptr);
    return status != PAXECT_OK ? status
                               : core::refuse(*reader, PAXECT_ERROR_ARGUMENT, core::kStructureTooSmall);
  }
  return core::open_job(reader, true, [&] {
    const core::ContainerEnds& ends = reader->codec.ends();
    core::Status status = reader->codec.verify(reader->callbacks);
    core::Protection protection = status.ok() ? reader->codec.protection() : core::Protection{};
    core::give_structure(core::describe(ends.header, ends.footer, ends.container_size, protection), info);
    return status;
  });
}

paxect_status paxect_reader_frames(paxect_reader* reader, paxect_frame_callback callback, void* opaque) {
  return core::open_job(reader, callback != nullptr,
                        [&] { return reader->codec.frames(reader->callbacks, callback, opaque); });
}

paxect_status paxect_reader_read(paxect_reader* reader, uint64_t offset, uint64_t length, paxect_sink sink,
                                 void* opaque) {
  return core::open_job(reader, sink != nullptr, [&] {
    core::Callbacks callbacks = reader->callbacks;
    callbacks.sink = sink;
    callbacks.sink_opaque = opaque;
    return reader->codec.read(reader->parameters, callbacks, offset, length);
  });
}
paxect_status paxect_reader_read_path(paxect_reader* reader, uint64_t offset, uint64_t length,
                                      const char* output) {
  return core::open_job(reader, output != nullptr, [&] {
    return reader->codec.read_to(reader->parameters, reader->callbacks, offset, length, output);
  });
}

paxect_status paxect_reader_compare(paxect_reader* reader, paxect_source source, void* source_opaque,
                                    paxect_difference_callback callback, void* opaque) {
  return core::open_job(reader, source != nullptr, [&] {
    return reader->codec.compare(reader->callbacks, core::Original{source, source_opaque}, callback, opaque);
  });
}
paxect_status paxect_reader_compare_path(paxect_reader* reader, const char* original,
                                         paxect_difference_callback callback, void* opaque) {
  return core::open_job(reader, original != nullptr, [&] {
    return reader->codec.compare(reader->callbacks, std::string(original), callback, opaque);
  });
}

const char* paxect_reader_error_message(const paxect_reader* reader) { return core::error_message(reader); }
uint64_t paxect_reader_error_offset(const paxect_reader* reader) { return core::error_offset(reader); }
uint64_t paxect_reader_error_frame(const paxect_reader* reader) { return core::error_frame(reader); }

}  // extern "C"
