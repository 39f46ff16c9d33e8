// The C ABI of the encoder.
#include "encoder.h"

#include "c_api/stream.h"
#include "file_jobs.h"
#include "saturating.h"

namespace paxect::core {
namespace {

// The destination of encode_buffer.
struct MemorySink {
  std::uint8_t* data;
  std::size_t capacity;
  std::size_t size = 0;
  bool full = false;

  static std::int32_t write(void* opaque, const void* bytes, std::size_t count) {
    auto& self = *static_cast<MemorySink*>(opaque);
    self.full = self.full || count > self.capacity - self.size;
    if (self.full) return 1;
    std::memcpy(self.data + self.size, bytes, count);
    self.size += count;
    return 0;
  }
};

}  // namespace
}  // namespace paxect::core

struct paxect_encoder : paxect::core::Handle<paxect::core::Encoder, paxect::core::Role::kEncoder> {
  using Handle::Handle;
};

namespace core = paxect::core;

extern "C" {

paxect_status paxect_encoder_create(const paxect_allocator* allocator, paxect_encoder** out) {
  return core::create(allocator, out);
}
void paxect_encoder_free(paxect_encoder* encoder) { core::destroy(encoder); }
paxect_status paxect_encoder_reset(paxect_encoder* encoder) { return core::reset(encoder); }
paxect_status paxect_encoder_set_parameter(paxect_encoder* encoder, paxect_parameter id, int64_t value) {
  return core::set_parameter(encoder, id, value);
}
paxect_status paxect_encoder_set_sink(paxect_encoder* encoder, paxect_sink sink, void* opaque) {
  return core::set_sink(encoder, sink, opaque);
}
paxect_status paxect_encoder_set_progress(paxect_encoder* encoder, paxect_progress progress, void* opaque) {
  return core::set_progress(encoder, progress, opaque);
}

uint64_t paxect_encoder_memory(const paxect_encoder* encoder, uint64_t input_size) {
  return encoder == nullptr ? 0 : core::Encoder::memory(encoder->parameters, input_size);
}

paxect_status paxect_encoder_write(paxect_encoder* encoder, const void* data, size_t size) {
  return core::write(encoder, data, size);
}
paxect_status paxect_encoder_finish(paxect_encoder* encoder) { return core::finish(encoder); }
paxect_status paxect_encoder_run(paxect_encoder* encoder, paxect_source source, void* opaque) {
  return core::run(encoder, source, opaque);
}

uint64_t paxect_encoder_bound(const paxect_encoder* encoder, uint64_t size) {
  if (encoder == nullptr) return 0;
  uint64_t frame_size = encoder->parameters.header().frame_size;
  uint64_t per_frame = core::kFrameHeaderSize + core::payload_bound(frame_size);
  uint64_t whole = core::saturating_multiply(size / frame_size, per_frame);
  uint64_t rest = size % frame_size;
  if (rest != 0) whole = core::saturating_add(whole, core::kFrameHeaderSize + core::payload_bound(rest));
  whole = core::saturating_add(whole, core::kHeaderSize + core::kFooterSize);
  if (encoder->parameters.protect() == 0 || whole == UINT64_MAX) return whole;
  return core::saturating_add(whole, core::Protector::bound(encoder->parameters.protect(), whole));
}

paxect_status paxect_encoder_encode_buffer(paxect_encoder* encoder, const void* data, size_t size,
                                           void* container, size_t capacity, size_t* container_size) {
  bool pointers_given = (data != nullptr || size == 0) && container != nullptr && container_size != nullptr;
  return core::one_call_job(encoder, pointers_given, [&] {
    core::MemorySink memory{static_cast<uint8_t*>(container), capacity};
    core::Callbacks callbacks = encoder->callbacks;
    callbacks.sink = &core::MemorySink::write;
    callbacks.sink_opaque = &memory;
    encoder->codec.begin(encoder->parameters, callbacks);
    core::Status status = encoder->codec.write_borrowed({static_cast<const uint8_t*>(data), size});
    if (status.ok()) status = encoder->codec.finish();
    if (status.ok()) *container_size = memory.size;
    if (memory.full)
      status = core::failure(
          PAXECT_ERROR_BUFFER_TOO_SMALL,
          "the container does not fit into the " + std::to_string(capacity) + " bytes of the destination");
    return status;
  });
}

paxect_status paxect_encoder_encode_path(paxect_encoder* encoder, const char* input, const char* output) {
  return core::one_call_job(encoder, input != nullptr && output != nullptr, [&] {
    return core::encode_file(encoder->codec, encoder->parameters, encoder->callbacks, input, output);
  });
}

paxect_status paxect_encoder_info(const paxect_encoder* encoder, paxect_container_info* info) {
  paxect_status status = core::admit(encoder);
  if (status != PAXECT_OK) return status;
  core::Footer footer = encoder->codec.footer();
  if (!encoder->complete()) footer.digest = {};
  return core::give_structure(core::describe(encoder->codec.header(), footer, encoder->codec.bytes_out(),
                                             encoder->codec.protection()),
                              info);
}
const char* paxect_encoder_error_message(const paxect_encoder* encoder) {
  return core::error_message(encoder);
}
uint64_t paxect_encoder_error_offset(const paxect_encoder* encoder) { return core::error_offset(encoder); }
uint64_t paxect_encoder_error_frame(const paxect_encoder* encoder) { return core::error_frame(encoder); }

}  // extern "C"
