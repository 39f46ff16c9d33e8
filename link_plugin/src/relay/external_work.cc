#include "relay/external_work.h"

#include <chrono>
#include <thread>
#include <tuple>

#include "base/blocks.h"
#include "base/read_lease.h"
#include "relay/core_probe.h"
#include "stages/external_core.h"

namespace paxect::link {
namespace {

constexpr int kLeaseTries = 50;
constexpr std::chrono::milliseconds kLeasePause{10};

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
  // The limit of this decoding is what the core made, and no setting.
  if (status.fault == Fault::kBlocked)
    status.message =
        encode ? "it holds more"
               : "it made " + std::to_string(made.data_size) + " bytes, and the container holds more";
  const std::string what =
      encode ? " made a container that does not decode to the data of " + transfer.source_path()
             : " made other data than the container holds";
  return Status::refused(encode ? "encode_error" : "decode_error",
                         core.name() + what + (status.ok() ? "" : ": " + status.message));
}

// The lease on what an external core has written, while it is verified. Granted, it shows that nobody has the
// file open for writing. What is about to close it, such as a fork of ours that has not become another core
// yet, gets half a second for that.
class OutputLease {
 public:
  OutputLease(const Directory& folder, int fd, const Stop& stop) : fd_(fd) {
    for (int tries = 0; lease_ == Lease::kOpenForWriting && tries < kLeaseTries && !stop(); ++tries) {
      if (tries > 0) std::this_thread::sleep_for(kLeasePause);
      lease_ = take_lease(folder, fd);
    }
  }
  ~OutputLease() {
    if (lease_ == Lease::kGranted) give_back_lease(fd_);
  }
  OutputLease(const OutputLease&) = delete;
  OutputLease& operator=(const OutputLease&) = delete;

  bool is_refused() const { return lease_ == Lease::kOpenForWriting; }
  bool is_broken() const { return lease_ == Lease::kGranted && is_lease_broken(fd_); }

 private:
  int fd_;
  Lease lease_ = Lease::kOpenForWriting;
};

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
  // A link or a FIFO that it put there instead.
  if (!has_output) std::ignore = product.directory->remove(product.temporary);
  if (replaced && !status.ok()) return changed(*transfer);
  if (too_large()) return Status::blocked("file_too_large:" + std::to_string(written) + "B");
  if (!status.ok()) return status;
  if (!has_output) return Status::refused(event, core.name() + " left no output in the file after -o");
  // A process that it started and that left its group may write to it after the verification.
  const OutputLease lease(*product.directory, product.fd.get(), stop);
  const Status in_use =
      Status::refused(event, core.name() + " left a process that still writes to its output");
  if (lease.is_refused()) return stop() ? Status::stopped() : in_use;
  status = measure(product.fd.get(), temporary, stop, encode ? &result.container_size : &result.data_size,
                   encode ? &result.container_digest : &result.data_digest);
  if (!status.ok()) return status;
  product.size = identity.size;
  status = verify(encode ? product.fd.get() : source, encode ? temporary : transfer->source_path(), *transfer,
                  codec, core);
  return status.ok() && lease.is_broken() ? in_use : status;
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
