// A whole file encoded or decoded: encoder and decoder put between an InputFile and an OutputFile. One thread
// at a time; the encoder or decoder stays usable afterwards for its results.
#pragma once

#include <string>

#include "callbacks.h"
#include "decoder.h"
#include "encoder.h"

namespace paxect::core {

// `callbacks.sink` is not used.
Status encode_file(Encoder& encoder, const Parameters& parameters, const Callbacks& callbacks,
                   const std::string& input, const std::string& output);
Status decode_file(Decoder& decoder, Parameters parameters, const Callbacks& callbacks,
                   const std::string& input, const std::string& output);

// Header and footer of the container behind a seekable descriptor.
struct ContainerEnds {
  Header header;
  Footer footer;
  std::uint64_t container_size = 0;
};
Status read_ends(int fd, ContainerEnds& ends);

}  // namespace paxect::core
