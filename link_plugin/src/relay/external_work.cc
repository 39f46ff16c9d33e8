#include "relay/external_work.h"

#include "base/blocks.h"
#include "relay/core_probe.h"
#include "stages/external_core.h"

namespace paxect::link {
namespace {

// Decodes the container by the built-in core and compares the data with what the external core read or made:
// its exit status alone proves nothing, and neither does the footer of a container that it wrote.
Status verify(int container, const std::string& path, const Transfer& transfer, Codec* codec,
              const ExternalCore& core) {
  const bool encode = transfer.route == Route::kEncode;
  const Codec::Result& made = transfer.result;
  const Codec::Write nowhere = [](const void*, std::size_t) { return Status::success(); };
  Codec::Result found;
  // A container that lets out more than the data is wrong already where the data ends.
  Status status = codec->decode(container, path, made.container_size, made.data_size, nowhere, &found);
  if (status.ok() && found.data_digest == made.data_digest && found.container_digest == made.container_digest)
    return status;
  if (status.fault == Fault::kEnvironment || status.fault == Fault::kStopped) return status;
  // The container came from elsewhere, and the built-in core finds it damaged.
  if (!encode && status.fault == Fault::kIntegrity) return status;
  const std::string what =
      encode ? " made a container that does not decode to the data of " + transfer.source_path()
             : " made other data than the container holds";
  return Status::refused(encode ? "encode_error" : "decode_error",
                         core.name() + what + (status.ok() ? "" : ": " + status.message));
}

// By another program, which writes to the name of our temporary file and may well put a new file there. What
// it made is measured and verified here.
Status try_external(int source, Transfer* transfer, Codec* codec, const ExternalCore& core) {
  const Codec::Stop& stop = codec->stop();
  Product& product = transfer->product;
  Codec::Result& result = transfer->result;
  bool encode = transfer->route == Route::kEncode;
  const char* event = encode ? "encode_error" : "decode_error";
  const std::string temporary = product.directory->path_of(product.temporary);
  Status status =
      measure(source, transfer->source_path(), stop, encode ? &result.data_size : &result.container_size,
              encode ? &result.data_digest : &result.container_digest);
  if (!status.ok()) return status;
  // It opens the source by its path, which may already lead to something that it waits for without end, such
  // as a FIFO: it is ended when that is not the file any more, and when it writes more than it may.
  bool replaced = false;
  std::uint64_t written = 0;
  auto too_large = [&] {
    written = product.directory->stat_of(product.temporary).identity.size;
    return !encode && written > transfer->max_bytes;
  };
  auto stop_early = [&] {
    replaced = replaced || check_unchanged(*transfer).fault == Fault::kChanged;
    return replaced || too_large() || stop();
  };
  status = run_external_core({.core = core,
                              .verb = encode ? "encode" : "decode",
                              .input = transfer->source_path(),
                              .output = temporary,
                              .input_size = transfer->source.identity.size,
                              .event = event,
                              .stop = stop_early});
  // What it put under the name is ours to publish, or to remove.
  FileIdentity identity;
  const bool has_output = product.directory->open_source(product.temporary, &product.fd, &identity).ok();
  if (replaced && !status.ok()) return changed(*transfer);
  if (too_large()) return Status::blocked("file_too_large:" + std::to_string(written) + "B");
  if (!status.ok()) return status;
  if (!has_output) return Status::refused(event, core.name() + " left no output in the file after -o");
  status = measure(product.fd.get(), temporary, stop, encode ? &result.container_size : &result.data_size,
                   encode ? &result.container_digest : &result.data_digest);
  if (!status.ok()) return status;
  product.size = identity.size;
  return verify(encode ? product.fd.get() : source, encode ? temporary : transfer->source_path(), *transfer,
                codec, core);
}

}  // namespace

Status run_external(int source, Transfer* transfer, Codec* codec, const ExternalCore& core) {
  Status status = try_external(source, transfer, codec, core);
  if (status.fault != Fault::kRefused && status.fault != Fault::kIntegrity) return status;
  bool encode = transfer->route == Route::kEncode;
  status.event = encode ? "encode_error" : "decode_error";
  Status sample = probe_core(core, encode ? "encode" : "decode", status.event, codec->stop());
  if (sample.fault == Fault::kStopped) return sample;
  if (!sample.ok())
    return Status::environment(
        status.event, status.message + "; it fails on a sample too: check the setting core and PAXECT_CORE");
  if (encode) status = Status::refused(status.event, status.message);  // no data is damaged data
  return status;
}

}  // namespace paxect::link
