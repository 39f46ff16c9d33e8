#include "relay/transfer.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <utility>
#include <vector>

#include "base/blocks.h"
#include "base/digest.h"
#include "base/flush.h"
#include "base/read_lease.h"
#include "base/relay_paths.h"
#include "base/sidecar.h"
#include "relay/external_work.h"
#include "stages/original.h"

namespace paxect::link {
namespace {

constexpr std::chrono::milliseconds kLeaseInterval{10};

Status mismatch() { return Status::integrity("checksum_mismatch", "sidecar sha256 mismatch"); }

bool is_mismatch(const Status& status) { return status.event == "checksum_mismatch"; }

// Of a damaged container that can be repaired, and whose sidecar has the digest of the damaged bytes: that is
// what its maker sent, so that other bytes are not delivered for it.
Status with_own_sidecar(Status damage) {
  damage.message += "; its sidecar is that of the damaged bytes, so that it is not delivered, but ";
  damage.message += kCanBeRepaired;
  return damage;
}

Status unreadable(const Status& status) {
  if (status.fault == Fault::kIntegrity) return status;
  return Status::integrity("sidecar_unreadable", "sidecar is not a regular file");
}

// Success too when there is no sidecar.
Status check_sidecar(Transfer* checked) {
  const Transfer& transfer = *checked;
  if (transfer.source_sidecar.empty()) return Status::success();
  std::string digest;
  FileIdentity identity;
  const std::string& name = transfer.source_sidecar;
  Status status = read_sidecar(*transfer.source_directory, name, transfer.source.name, &digest, &identity);
  if (status.fault == Fault::kGone) return changed(transfer);
  if (status.fault == Fault::kEnvironment) return status;
  if (status.ok() && digest == transfer.result.container_digest) {
    checked->read_sidecar = identity;
    return Status::success();
  }
  // One that came or changed since the container was taken, or is open yet, may be half written.
  if (transfer.source_directory->stat_of(name).identity == transfer.settled_sidecar &&
      !is_open_for_writing(*transfer.source_directory, name))
    return status.ok() ? mismatch() : unreadable(status);
  return Status::changed(transfer.source_directory->path_of(name) + " changed while its container was read");
}

Codec::Write into(Product* product) {
  return [product](const void* data, std::size_t size) { return write_product(product, data, size); };
}

Status run_codec(int source, Transfer* transfer, Codec* codec) {
  const std::string path = transfer->source_path();
  std::uint64_t size = transfer->source.identity.size;
  Codec::Result* result = &transfer->result;
  switch (transfer->route) {
    case Route::kEncode:
      return codec->encode(source, path, size, into(&transfer->product), result);
    case Route::kDecode:
      return codec->decode(source, path, size, transfer->max_bytes, into(&transfer->product), result);
    case Route::kForward:
      break;
  }
  Codec::Write nowhere = [](const void*, std::size_t) { return Status::success(); };
  Status status = codec->decode(source, path, size, transfer->max_bytes, nowhere, result);
  if (!status.ok()) return status;
  return each_block(source, path, size, codec->stop(), [transfer](const void* data, std::size_t got) {
    if (transfer->bytes_read) *transfer->bytes_read += got;
    return write_product(&transfer->product, data, got);
  });
}

Status write_sidecar(Transfer* transfer) {
  const std::string text = transfer->result.container_digest + "\n";
  transfer->sidecar.digest = sha256_hex(text);
  Status status = begin_product(&transfer->sidecar);
  if (status.ok()) status = write_product(&transfer->sidecar, text.data(), text.size());
  return status;
}

// Whether a container claims more data than it may let out. What is no container is reported by decoding it,
// beside its sidecar.
Status check_claimed_size(int source, const Transfer& transfer) {
  Codec::FooterInfo claimed;
  Status status = Codec::read_footer(source, transfer.max_bytes, &claimed);
  if (status.fault == Fault::kIntegrity) return Status::success();
  if (!status.ok() || claimed.size <= transfer.max_bytes) return status;
  return Status::blocked("file_too_large:" + std::to_string(claimed.size) + "B");
}

// kDelivered when the content is that of the source that was delivered: mounted again, copied to another disk
// or given another mode.
Status compare_with_known(int source, Transfer* transfer, const Stop& stop) {
  std::uint64_t size = 0;
  std::string digest;
  Status status = measure(source, transfer->source_path(), stop, &size, &digest);
  if (status.ok()) status = check_unchanged(*transfer);
  if (!status.ok() || digest != transfer->known.digest) return status;
  (transfer->route == Route::kEncode ? transfer->result.data_digest : transfer->result.container_digest) =
      transfer->known.of_sidecar();
  if (!transfer->known.original.empty()) {
    transfer->intent.repair = SourceRepair{.digest = transfer->known.original};
    transfer->damaged_digest = digest;
  }
  return Status::delivered();
}

// The lease on a source while it is read, where we may have one. Work ends early when somebody waits to
// write.
class SourceLease {
 public:
  SourceLease(const Transfer& transfer, int source, Codec* codec)
      : source_(source), codec_(*codec), lease_(take_lease(*transfer.source_directory, source)) {
    if (lease_ == Lease::kGranted) codec_.stop_also([this] { return is_broken_now_and_then(); });
  }
  ~SourceLease() { codec_.stop_also({}); }
  SourceLease(const SourceLease&) = delete;
  SourceLease& operator=(const SourceLease&) = delete;

  bool is_refused() const { return lease_ == Lease::kOpenForWriting; }
  bool is_granted() const { return lease_ == Lease::kGranted; }
  bool is_broken() const { return is_granted() && is_lease_broken(source_); }
  void give_back() {
    if (lease_ == Lease::kGranted) give_back_lease(source_);
    lease_ = Lease::kUnavailable;
  }

 private:
  // Whoever waits to write waits for that long at most. A file that takes less time to read is checked once,
  // at the end.
  bool is_broken_now_and_then() {
    const auto now = std::chrono::steady_clock::now();
    if (now < check_due_) return false;
    check_due_ = now + kLeaseInterval;
    return is_broken();
  }

  int source_;
  Codec& codec_;
  Lease lease_;
  std::chrono::steady_clock::time_point check_due_ = std::chrono::steady_clock::now() + kLeaseInterval;
};

// The source, open for reading. Where only events can show who else has it open, ours must not be taken for
// theirs.
class OpenSource {
 public:
  explicit OpenSource(const Transfer& transfer)
      : folder_(*transfer.source_directory), is_watched_(!may_lease(folder_, transfer.source.name)) {}
  ~OpenSource() {
    keep_apart();
    fd_.reset();
    keep_apart();
  }
  OpenSource(const OpenSource&) = delete;
  OpenSource& operator=(const OpenSource&) = delete;

  Status open(const std::string& name, FileIdentity* identity) {
    keep_apart();
    Status status = folder_.open_source(name, &fd_, identity);
    keep_apart();
    return status;
  }
  int get() const { return fd_.get(); }
  // Requires: a granted lease.
  UniqueFd take() { return std::move(fd_); }

 private:
  void keep_apart() const {
    if (is_watched_) folder_.keep_events_apart();
  }

  const Directory& folder_;
  bool is_watched_;
  UniqueFd fd_;
};

// `status` is that of the work on the source, or else what is wrong with the source or its sidecar. A source
// with nothing wrong is compared once more before its product gets a name, which is when it counts.
Status check_source(Transfer* transfer, Status status) {
  if (!status.ok() && status.fault != Fault::kIntegrity) return status;
  // The sidecar says more than what did not decode.
  if (transfer->route != Route::kEncode)
    if (Status sidecar = check_sidecar(transfer); !sidecar.ok()) status = std::move(sidecar);
  if (status.ok()) return status;
  // A file that changed in the meantime proves nothing.
  const Status same = check_unchanged(*transfer);
  return same.ok() ? status : same;
}

// A container that decodes may be damaged too: in its protection, which a decoder passes over. Then its
// sidecar shows it.
bool may_be_repaired(const Transfer& transfer, const Status& status) {
  if (transfer.route == Route::kEncode) return false;
  const bool is_damaged = status.fault == Fault::kIntegrity && status.event != "sidecar_unreadable";
  return is_damaged || status.fault == Fault::kRefused || transfer.result.read_error == EIO;
}

// Whether the source can be read from there to its end, where reading it failed before. A medium that fails
// may take seconds for each block.
Status find_readable(int source, std::uint64_t offset, const Stop& stop, bool* is_readable) {
  std::array<char, 65536> block;
  for (;;) {
    if (stop()) return Status::stopped();
    const ssize_t got = pread(source, block.data(), block.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    *is_readable = got >= 0;
    if (got <= 0) return Status::success();
    offset += static_cast<std::uint64_t>(got);
  }
}

// Writes the product once more, from what the source was before it was damaged. `status` is what is wrong
// with the source, and the outcome unless it can be repaired.
Status repair(int source, Transfer* transfer, Codec* codec, Status status) {
  Product& product = transfer->product;
  abandon_product(&product);
  product.size = 0;
  if (Status begun = begin_product(&product); !begun.ok()) return begun;
  const Codec::Write nowhere = [](const void*, std::size_t) { return Status::success(); };
  const bool forward = transfer->route == Route::kForward;
  Codec::Result repaired;
  Codec::Repair found;
  Status outcome = codec->repair(source, transfer->source_path(), transfer->source.identity.size,
                                 transfer->max_bytes, forward ? into(&product) : nowhere,
                                 forward ? nowhere : into(&product), &repaired, &found);
  if (outcome.fault == Fault::kIntegrity || outcome.fault == Fault::kRefused) {
    if (outcome.event != Codec::kUnprotected) status.message += "; " + outcome.message;
    return status;
  }
  if (!outcome.ok()) return outcome;
  // Not damaged: what is wrong is something else, unless only the reading failed.
  const bool is_read = transfer->result.read_error == 0;
  if (is_read && repaired.container_digest == transfer->result.container_digest) return status;
  bool is_repaired = is_read || found.damaged != 0;
  if (!is_repaired) {
    // Bytes outside of the cells may be what cannot be read.
    bool is_readable = false;
    outcome = find_readable(source, transfer->result.container_size, codec->stop(), &is_readable);
    if (!outcome.ok()) return outcome;
    is_repaired = !is_readable;
  }
  if (is_repaired) {
    transfer->damaged_digest = is_read ? transfer->result.container_digest : "";
    transfer->intent.repair =
        SourceRepair{.digest = repaired.container_digest, .cells = found.cells, .damaged = found.damaged};
  }
  transfer->result = repaired;
  // Delivered before, from the same damaged source or one that had less damage: what cannot be read has no
  // digest by which compare_with_known() would find it.
  const bool is_known = transfer->intent.repair && repaired.container_digest == transfer->known.original;
  return is_known ? Status::delivered() : Status::success();
}

// What is wrong with a container that decodes and that no sidecar speaks for: whether its protection says
// that it was another one. Protection that has lost too much to say that proves nothing against the data.
Status check_protection(int source, const Transfer& transfer, const Codec& codec) {
  if (transfer.route == Route::kEncode || !transfer.source_sidecar.empty()) return Status::success();
  const unsigned threads = transfer.is_large() ? 0 : 1;
  std::string original = transfer.result.container_digest;
  Status status =
      find_original(source, transfer.source_path(), codec.stop(), threads, transfer.max_bytes, &original);
  if (!status.ok() || original == transfer.result.container_digest) return status;
  return Status::integrity("decode_error", "its protection is damaged");
}

Status work(Transfer* transfer, Codec* codec, const ExternalCore& core) {
  OpenSource source(*transfer);
  FileIdentity identity;
  Status status = source.open(transfer->source.name, &identity);
  if (!status.ok()) return status;
  if (identity != transfer->source.identity) return changed(*transfer);
  SourceLease lease(*transfer, source.get(), codec);
  if (lease.is_refused()) return open_for_writing(transfer->source_path());
  if (transfer->route != Route::kEncode) {
    const Directory& folder = *transfer->source_directory;
    FileStat observed;
    std::string sidecar;
    if (transfer->source_sidecar.empty()) sidecar = find_sidecar(folder, transfer->source.name, &observed);
    if (!sidecar.empty() && observed.kind != FileKind::kMissing)
      transfer->source_sidecar = std::move(sidecar);
    if (status = check_claimed_size(source.get(), *transfer); !status.ok()) return status;
  }

  if (!transfer->known.digest.empty())
    if (status = compare_with_known(source.get(), transfer, codec->stop()); !status.ok()) return status;
  if (status = begin_product(&transfer->product); !status.ok()) return status;
  bool builtin = core.command.empty() || transfer->route == Route::kForward;
  // Another program may open its input as it likes, and must not wait for us.
  if (!builtin) lease.give_back();
  status =
      builtin ? run_codec(source.get(), transfer, codec) : run_external(source.get(), transfer, codec, core);
  if (lease.is_broken() ||
      (!builtin && is_open_for_writing(*transfer->source_directory, transfer->source.name)))
    return open_for_writing(transfer->source_path());
  status = check_source(transfer, std::move(status));
  if (status.ok()) status = check_protection(source.get(), *transfer, *codec);
  if (may_be_repaired(*transfer, status)) {
    const Status damage = status;
    status = repair(source.get(), transfer, codec, std::move(status));
    if (lease.is_broken()) return open_for_writing(transfer->source_path());
    // Without a lease it may have changed while it was repaired, which proves nothing either.
    if (Status same = check_unchanged(*transfer); !same.ok()) return same;
    if (status.ok()) {
      status = check_source(transfer, std::move(status));
      // Of damage that shows in the bytes, the sidecar was compared with these first.
      const bool fitted = damage.fault == Fault::kIntegrity && !is_mismatch(damage);
      if (is_mismatch(status) && fitted) status = with_own_sidecar(damage);
    }
  }
  if (!status.ok()) return status;

  finish_writing(transfer->product);
  transfer->product.digest =
      transfer->makes_container() ? transfer->result.container_digest : transfer->result.data_digest;
  if (transfer->makes_container()) status = write_sidecar(transfer);
  if (status.ok() && transfer->is_large())
    status = compare_names(&transfer->product, transfer->result.data_digest, codec->stop());
  if (status.ok() && lease.is_granted()) transfer->leased_source = source.take();
  return status;
}

}  // namespace

Route route_of(std::string_view name, Mode mode) {
  if (!is_container(name)) return Route::kEncode;
  return mode == Mode::kSend ? Route::kForward : Route::kDecode;
}

void name_temporaries(Transfer* transfer, const std::string& relay_token) {
  Intent& intent = transfer->intent;
  intent.temporary = transfer->product.temporary = product_temporary_of(relay_token, intent.id);
  if (transfer->makes_container())
    intent.side_temporary = transfer->sidecar.temporary = sidecar_temporary_of(relay_token, intent.id);
}

void work_on(Transfer* transfer, Codec* codec, const ExternalCore& core) {
  codec->count_reads(transfer->bytes_read.get());
  transfer->status = work(transfer, codec, core);
  codec->count_reads(nullptr);
}

void flush_all(std::span<Transfer> batch, std::span<const Unflushed> more, Status* outcome) {
  std::vector<Unflushed> files;
  std::vector<Transfer*> owners;
  for (Transfer& transfer : batch) {
    if (!transfer.status.ok()) continue;
    for (const Product* product : {&transfer.product, &transfer.sidecar}) {
      if (!product->fd) continue;
      files.push_back({product->fd.get(), product->directory, product->path()});
      owners.push_back(&transfer);
    }
  }
  files.insert(files.end(), more.begin(), more.end());
  const std::vector<Status> results = flush_files(files);
  for (std::size_t i = 0; i < files.size(); ++i) {
    Status* each = i < owners.size() ? &owners[i]->status : outcome;
    if (!results[i].ok() && each->ok()) *each = results[i];
  }
}

Status changed(const Transfer& transfer) {
  return Status::changed(transfer.source_path() + " changed while it was read");
}

Status check_unchanged(const Transfer& transfer) {
  FileStat observed = transfer.source_directory->stat_of(transfer.source.name);
  if (observed.kind == FileKind::kUnknown) return io_failure("stat", transfer.source_path(), observed.error);
  return observed.kind == FileKind::kRegular && observed.identity == transfer.source.identity
             ? Status::success()
             : changed(transfer);
}

Status publish(Transfer* transfer, const Stop& stop, const AboutTo& about_to) {
  const std::string& digest = transfer->result.data_digest;
  if (!transfer->makes_container())
    return publish_product(&transfer->product, digest, stop, about_to, &transfer->published);
  return publish_container(&transfer->product, &transfer->sidecar, digest, stop, about_to,
                           &transfer->published);
}

void note_products(Transfer* transfer) {
  Intent& intent = transfer->intent;
  intent.source_digest = content_of(*transfer).digest;
  intent.digest = transfer->product.digest;
  intent.data_digest = transfer->result.data_digest;
  intent.size = transfer->product.size;
  intent.sizes = {.data = transfer->result.data_size, .container = transfer->result.container_size};
  note_identity(&transfer->product);
  intent.inode = transfer->product.identity.inode;
  intent.ctime_ns = transfer->product.identity.ctime_ns;
  if (!transfer->sidecar.fd) return;
  note_identity(&transfer->sidecar);
  intent.side_inode = transfer->sidecar.identity.inode;
}

Transfer::Content content_of(const Transfer& transfer) {
  const std::optional<SourceRepair>& repair = transfer.intent.repair;
  if (repair) return {transfer.damaged_digest, repair->digest};
  return {transfer.route == Route::kEncode ? transfer.result.data_digest : transfer.result.container_digest};
}

bool abandon(Transfer* transfer) {
  const bool is_product_removed = abandon_product(&transfer->product);
  return abandon_product(&transfer->sidecar) && is_product_removed;
}

}  // namespace paxect::link
