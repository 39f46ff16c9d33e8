// The C ABI of the decoder.
#include "decoder.h"

#include "c_api/stream.h"
#include "file_jobs.h"

struct paxect_decoder : paxect::core::Handle<paxect::core::Decoder, paxect::core::Role::kDecoder> {
  using Handle::Handle;
};

namespace core = paxect::core;

extern "C" {

paxect_status paxect_decoder_create(const paxect_allocator* allocator, paxect_decoder** out) {
  return core::create(allocator, out);
}
void paxect_decoder_free(paxect_decoder* decoder) { core::destroy(decoder); }
paxect_status paxect_decoder_reset(paxect_decoder* decoder) { return core::reset(decoder); }
paxect_status paxect_decoder_set_parameter(paxect_decoder* decoder, paxect_parameter id, int64_t value) {
  return core::set_parameter(decoder, id, value);
}
paxect_status paxect_decoder_set_sink(paxect_decoder* decoder, paxect_sink sink, void* opaque) {
  return core::set_sink(decoder, sink, opaque);
}
paxect_status paxect_decoder_set_progress(paxect_decoder* decoder, paxect_progress progress, void* opaque) {
  return core::set_progress(decoder, progress, opaque);
}

uint64_t paxect_decoder_memory(const paxect_decoder* decoder, uint32_t frame_size) {
  return decoder == nullptr ? 0 : core::Decoder::memory(decoder->parameters, frame_size);
}

paxect_status paxect_decoder_write(paxect_decoder* decoder, const void* data, size_t size) {
  return core::write(decoder, data, size);
}
paxect_status paxect_decoder_finish(paxect_decoder* decoder) { return core::finish(decoder); }
paxect_status paxect_decoder_run(paxect_decoder* decoder, paxect_source source, void* opaque) {
  return core::run(decoder, source, opaque);
}

paxect_status paxect_decoder_decode_buffer(paxect_decoder* decoder, const void* container,
                                           size_t container_size, void* data, size_t capacity, size_t* size) {
  bool pointers_given =
      (container != nullptr || container_size == 0) && (data != nullptr || capacity == 0) && size != nullptr;
  return core::one_call_job(decoder, pointers_given, [&] {
    core::Parameters parameters = decoder->parameters;
    core::Status status = parameters.set(PAXECT_PARAM_CONTAINER_SIZE, static_cast<int64_t>(container_size));
    if (!status.ok()) return status;
    decoder->codec.begin_in_memory(parameters, decoder->callbacks, {static_cast<uint8_t*>(data), capacity});
    status = decoder->codec.write({static_cast<const uint8_t*>(container), container_size});
    if (status.ok()) status = decoder->codec.finish();
    if (status.ok()) *size = decoder->codec.bytes_out();
    return status;
  });
}

paxect_status paxect_decoder_decode_path(paxect_decoder* decoder, const char* input, const char* output) {
  return core::one_call_job(decoder, input != nullptr && output != nullptr, [&] {
    return core::decode_file(decoder->codec, decoder->parameters, decoder->callbacks, input, output);
  });
}

paxect_status paxect_decoder_info(const paxect_decoder* decoder, paxect_container_info* info) {
  paxect_status status = core::admit(decoder);
  if (status != PAXECT_OK) return status;
  const core::Decoder& codec = decoder->codec;
  bool complete = decoder->complete();
  paxect_container_info found =
      core::describe(codec.header(), complete ? codec.footer() : core::Footer{}, codec.bytes_in());
  found.total_size = codec.bytes_out();
  found.total_frames = codec.frames();  // more than a footer can count, in a container that is invalid
  return core::give_structure(found, info);
}
const char* paxect_decoder_error_message(const paxect_decoder* decoder) {
  return core::error_message(decoder);
}
uint64_t paxect_decoder_error_offset(const paxect_decoder* decoder) { return core::error_offset(decoder); }
uint64_t paxect_decoder_error_frame(const paxect_decoder* decoder) { return core::error_frame(decoder); }

}  // extern "C"
