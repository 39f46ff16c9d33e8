// Work between files: encoder, decoder and reader with an InputFile before or an OutputFile behind them. One
// thread at a time; the encoder or decoder stays usable afterwards for its results.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "callbacks.h"
#include "decoder.h"
#include "encoder.h"

namespace paxect::core {

// An input that the caller opened.
struct NamedDescriptor {
  int fd = -1;
  std::string name;              // for messages
  bool gives_attributes = true;  // as a file that was opened by its own name does
};

// `callbacks.sink` is not used.
Status encode_file(Encoder& encoder, const Parameters& parameters, const Callbacks& callbacks,
                   const std::string& input, const std::string& output);
Status decode_file(Decoder& decoder, Parameters parameters, const Callbacks& callbacks,
                   const std::string& input, const std::string& output);

// Runs work that reads the file at `path` to its end through the source it is given. `size` is that of the
// file, or 0 where it is not known. What is read counts as bytes out of the progress function.
Status read_file(const std::string& path, const Callbacks& callbacks,
                 const std::function<Status(paxect_source source, void* opaque, std::uint64_t size)>& work);
// Runs work that writes to `output`, which must be none of the inputs, through the sink of the callbacks it
// is given. The output is kept when the work ends with OK or PARTIAL. `can_withdraw`: nobody sees the output
// until then, as nobody does a new regular file; a pipe or a device has what was written. Requires: the
// inputs are open.
Status write_file(std::span<const NamedDescriptor> inputs, const std::string& output,
                  const Parameters& parameters, const Callbacks& callbacks,
                  const std::function<Status(const Callbacks& callbacks, bool can_withdraw)>& work);

}  // namespace paxect::core
