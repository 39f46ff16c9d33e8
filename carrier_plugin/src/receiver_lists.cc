// Lists and receipts of link, which are messages of their own.
#include <unistd.h>

#include "receiver.h"
#include "streams.h"

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kWaitDelay = 2'000'000'000;

}  // namespace

void Receiver::take_list(const Message& message) {
  Job job;
  std::string contents;
  const std::string ack(message.reply());
  if (!parse_list(message.data(), &job, &contents) || id_of_subject(message.subject()) != job.id)
    return set_list_aside(message);
  if (kind_of(job.name) != FileKind::kStatement)
    return poison(message, "list", "it has a name that is not one of a list or receipt");
  bool refused = false;
  if (const Status status = put_list(job, contents, &refused); !status.ok()) {
    if (refused) {
      waiting_lists_.set(job.name, status.message(), host_.monotonic_ns());
    } else {
      problems_.set("the folder cannot be written", status.message());
      paused_until_ns_ = host_.monotonic_ns() + kWaitDelay;
      return give_back(ack, kWaitDelay);
    }
    log_.write("refused", job, job.sender, status.message());
    const Report report{.id = job.id, .receiver = state_.token(), .reason = status.message(), .again = false};
    call(names_.subject("report", job.id), report_text(report));
    return acknowledge(ack, "+TERM");
  }
  const Receipt receipt{.id = job.id,
                        .name = job.name,
                        .digest = job.digest,
                        .size = job.size,
                        .receiver = state_.token(),
                        .at = job.name};
  if (!publish_list_receipt(receipt)) return give_back(ack, kWaitDelay);
  ++counts_.lists;
  log_.write("delivered", job, job.sender);
  acknowledge(ack, "+ACK");
}

// Its sender publishes it again: it looks for it when it gets the report.
void Receiver::set_list_aside(const Message& message) {
  const std::string_view text = message.data();
  Job job;
  std::string reason = "it is no list";
  if (parse_job(text.substr(0, text.find('\n')), &job))
    reason = id_of_subject(message.subject()) == job.id
                 ? "its contents are not those of the list " + job.name + " of the sender " + job.sender
                 : "its subject is not that of the list " + job.name + " of the sender " + job.sender;
  poison(message, "list", reason);
  const Report report{.id = id_of_subject(message.subject()),
                      .receiver = state_.token(),
                      .reason = "the list is damaged at the server: " + reason,
                      .again = false};
  call(names_.subject("report", report.id), report_text(report));
}

// The first receipt of a list is at the subject of its ID. A further one has the receiver in its subject, so
// that the sender finds it also when it was away.
bool Receiver::publish_list_receipt(const Receipt& receipt) {
  const std::string text = receipt_text(receipt);
  const Stored first = store(names_.subject("receipt", receipt.id), text);
  if (first != Stored::kAlready) return first == Stored::kYes;
  return call(names_.subject("receipt", list_receipt_of(receipt.id, receipt.receiver)), text);
}

// One that is there may be from before a crash, which came between its name and the flush.
Status Receiver::flush_list(const std::string& name) {
  UniqueFd file;
  FileIdentity ignored;
  bool missing = false;
  if (Status status = folder_.open_file(name, &file, &ignored, &missing); !status.ok()) return status;
  if (fsync(file.get()) != 0) return Status::system("cannot flush " + folder_.path() + "/" + name);
  return folder_.sync_names(name);
}

Status Receiver::put_list(const Job& job, const std::string& contents, bool* refused) {
  std::string there;
  FileIdentity ignored;
  bool missing = false;
  const auto compare = [&] {
    Status status = folder_.read_small(job.name, kChunkSize, &there, &ignored, &missing);
    if (missing) return Status::success();
    if (!status.ok() && status.error() != 0) return status;
    *refused = !status.ok() || there != contents;
    return *refused ? Status::failure("the folder has another " + job.name +
                                      ": two texts with one name; see man paxect-link, LISTS")
                    : flush_list(job.name);
  };
  Status status = compare();
  if (!status.ok() || !missing) return status;
  const std::string temporary = temporary_of(job.name, job.id);
  UniqueFd file;
  status = folder_.create(temporary, &file);
  if (status.ok()) status = write_all(file.get(), contents.data(), contents.size(), 0, job.name);
  if (status.ok() && fsync(file.get()) != 0)
    status = Status::system("cannot flush " + folder_.path() + "/" + job.name);
  bool taken = false;
  if (status.ok()) status = folder_.rename_new(temporary, job.name, &taken);
  if (!status.ok() || taken) folder_.remove(temporary);
  if (status.ok() && taken) status = compare();
  return status.ok() ? folder_.sync_names(job.name) : status;
}

}  // namespace paxect::carrier
