// Encodes data into a container. One thread at a time uses an Encoder, which compresses on worker threads.
// After a failure, begin() makes it usable again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "callbacks.h"
#include "digest.h"
#include "format.h"
#include "frame_codec.h"
#include "memory.h"
#include "ordered_pipeline.h"
#include "parameters.h"
#include "protect/protector.h"
#include "status.h"

namespace paxect::core {

class Encoder {
 public:
  explicit Encoder(const Allocator& allocator)
      : allocator_(allocator), reading_(allocator), protector_(allocator) {}

  // Drops all work in progress. Afterwards no worker uses the caller's memory.
  void abandon() noexcept;
  // Abandons, and clears the results of earlier jobs. Buffers, contexts and threads are kept.
  void clear() noexcept;
  void reset() noexcept { clear(); }
  // Calls clear() and begins a new container.
  void begin(const Parameters& parameters, const Callbacks& callbacks);
  // Copies the data. Frames are written to the sink in order, as they are compressed.
  Status write(std::span<const std::uint8_t> data);
  // As write, without a copy. Requires: the data stays valid until finish or abandon.
  Status write_borrowed(std::span<const std::uint8_t> data);
  // Reads the source to its end. The caller then calls finish.
  Status read_from(paxect_source source, void* opaque);
  Status finish();

  // The maximum memory that a job uses, in bytes.
  static std::uint64_t memory(const Parameters& parameters, std::uint64_t input_size);
  // That an input of `input_size` bytes, or more, needs no frame above kDefaultMaxFrame. Errors: PARAMETER.
  static Status check_frame_size(const Parameters& parameters, std::uint64_t input_size);

  std::uint64_t bytes_in() const { return bytes_in_; }
  std::uint64_t bytes_out() const { return bytes_out_; }
  const Header& header() const { return header_; }
  const Footer& footer() const { return footer_; }  // complete after finish
  Protection protection() const { return {parameters_.protect(), protection_size_}; }

 private:
  struct Job {
    explicit Job(const Allocator& memory) : allocator(memory), input(memory), output(memory) {}
    Allocator allocator;
    Buffer input;
    std::span<const std::uint8_t> data;  // in `input`, or borrowed
    std::uint64_t number = 0;            // of the frame
    bool paranoid = false;
    std::uint16_t channel = 0;
    int level = 0;
    Buffer output;
    std::size_t output_size = 0;
    Status status;
  };
  struct Worker {
    void operator()(Job& job) noexcept;
    Status work(Job& job);
    FrameCompressor compressor;
    std::optional<FrameProver> prover;
  };
  using Pipeline = OrderedPipeline<Job, Worker>;

  Status open();                                      // writes the header, once
  Status current(Job*& job);                          // the slot being filled, committing others to get one
  Status submit(std::span<const std::uint8_t> data);  // the slot being filled becomes a frame
  Status commit(Pipeline::Wait wait, bool& committed);
  Status emit(const void* data, std::size_t size);
  Status emit_frame(std::span<const std::uint8_t> frame);
  Status emit_protection();
  bool protects() const { return parameters_.protect() != 0; }
  bool is_full() const;
  Status make_room(Job& job);

  Allocator allocator_;
  Parameters parameters_{Role::kEncoder};
  Callbacks callbacks_;
  std::unique_ptr<Pipeline> pipeline_;
  Buffer reading_;  // for read_from with small frames
  Protector protector_;
  Sha256 digest_;
  Header header_;
  Footer footer_;
  std::size_t filled_ = 0;  // bytes in the slot being filled
  std::uint64_t bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;
  std::uint64_t protection_size_ = 0;  // bytes of extension frames
  bool opened_ = false;
};

}  // namespace paxect::core
