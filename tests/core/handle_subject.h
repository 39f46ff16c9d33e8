// An encoder or a decoder behind one interface, so that one test covers both.
#pragma once

#include <string>

#include "codec.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/temp_dir.h"

namespace paxect::test {

inline std::int32_t fail_to_read(void*, void*, std::size_t, std::size_t*) { return 1; }

// The functions of encoders and decoders under common names.
struct EncoderFunctions {
  using Handle = paxect_encoder;
  static constexpr auto reset = paxect_encoder_reset;
  static constexpr auto set_parameter = paxect_encoder_set_parameter;
  static constexpr auto set_sink = paxect_encoder_set_sink;
  static constexpr auto set_progress = paxect_encoder_set_progress;
  static constexpr auto write = paxect_encoder_write;
  static constexpr auto finish = paxect_encoder_finish;
  static constexpr auto run = paxect_encoder_run;
  static constexpr auto buffer = paxect_encoder_encode_buffer;
  static constexpr auto path = paxect_encoder_encode_path;
  static constexpr auto info = paxect_encoder_info;
  static constexpr auto message = paxect_encoder_error_message;
  static constexpr auto destroy = paxect_encoder_free;
  static Encoder make() { return make_encoder({{PAXECT_PARAM_FRAME_SIZE, 1000}}); }
  static std::string input() { return text(5000); }
  static std::string output() { return encode(text(5000), {{PAXECT_PARAM_FRAME_SIZE, 1000}}); }
};
struct DecoderFunctions {
  using Handle = paxect_decoder;
  static constexpr auto reset = paxect_decoder_reset;
  static constexpr auto set_parameter = paxect_decoder_set_parameter;
  static constexpr auto set_sink = paxect_decoder_set_sink;
  static constexpr auto set_progress = paxect_decoder_set_progress;
  static constexpr auto write = paxect_decoder_write;
  static constexpr auto finish = paxect_decoder_finish;
  static constexpr auto run = paxect_decoder_run;
  static constexpr auto buffer = paxect_decoder_decode_buffer;
  static constexpr auto path = paxect_decoder_decode_path;
  static constexpr auto info = paxect_decoder_info;
  static constexpr auto message = paxect_decoder_error_message;
  static constexpr auto destroy = paxect_decoder_free;
  static Decoder make() { return make_decoder(); }
  static std::string input() { return EncoderFunctions::output(); }
  static std::string output() { return EncoderFunctions::input(); }
};

// An encoder or decoder with what its jobs need. All of its jobs have the same input and the same output.
template <class F>
class Subject {
 public:
  using Handle = typename F::Handle;

  Subject() : handle_(F::make()) {
    write_file(dir_ / "in", input_);
    F::set_sink(handle(), append, &out);
  }
  Handle* handle() const { return handle_.get(); }

  paxect_status write() { return F::write(handle(), input_.data(), input_.size()); }
  paxect_status write_part() { return F::write(handle(), input_.data(), 100); }
  paxect_status finish() { return F::finish(handle()); }
  paxect_status run() {
    Source source{input_};
    return F::run(handle(), Source::read, &source);
  }
  paxect_status run_broken() { return F::run(handle(), fail_to_read, nullptr); }
  paxect_status buffer() {
    std::string result(100'000, '\0');
    std::size_t size = 0;
    paxect_status status =
        F::buffer(handle(), input_.data(), input_.size(), result.data(), result.size(), &size);
    if (status == PAXECT_OK) CHECK(result.substr(0, size) == F::output());
    return status;
  }
  paxect_status path() {
    paxect_status status = F::path(handle(), (dir_ / "in").c_str(), (dir_ / "out").c_str());
    if (status == PAXECT_OK) CHECK(read_file(dir_ / "out") == F::output());
    return status;
  }
  paxect_status path_missing() {
    return F::path(handle(), (dir_ / "missing").c_str(), (dir_ / "out").c_str());
  }
  paxect_status reset() { return F::reset(handle()); }
  paxect_status set_parameter() { return F::set_parameter(handle(), PAXECT_PARAM_THREADS, 2); }
  paxect_status set_sink() { return F::set_sink(handle(), append, &out); }
  paxect_status set_progress() { return F::set_progress(handle(), nullptr, nullptr); }
  paxect_status read_info(paxect_container_info& info) {
    info = {};
    info.struct_size = sizeof info;
    return F::info(handle(), &info);
  }
  paxect_status info() {
    paxect_container_info ignored;
    return read_info(ignored);
  }
  std::string message() const { return F::message(handle()); }

  // The one-call jobs, and what sets something.
  using Call = paxect_status (Subject::*)();
  static constexpr Call kJobs[] = {&Subject::run, &Subject::buffer, &Subject::path};
  static constexpr Call kSetters[] = {&Subject::set_parameter, &Subject::set_sink, &Subject::set_progress};

  std::string out;

 private:
  decltype(F::make()) handle_;
  std::string input_ = F::input();
  TempDir dir_;
};

}  // namespace paxect::test
