// Lists and receipts of link, which are messages of their own.
#include <unistd.h>

#include "receiver.h"
#include "streams.h"

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kWaitDelay = 2'000'000'000;
constexpr int kMaxRounds = 4;  // while the name is taken, and free when it is looked at

}  // namespace

void Receiver::take_list(const Message& message) {
  Job job;
  std::string contents;
  const std::string ack(message.reply());
  if (!parse_list(message.data(), &job, &contents) || id_of_subject(message.subject()) != job.id)
    return set_list_aside(message);
  if (kind_of(job.name) != FileKind::kStatement)
    return poison(message, "list", "it has a name that is not one of a list or receipt");
  if (is_refused(job.id)) return give_back(ack, kRefusedDelay);
  bool refused = false;
  if (const Status status = put_list(job, contents, &refused); !status.ok()) {
    if (refused || is_about_name(job, status)) return refuse(job, ack, status.message());
    problems_.set("the folder cannot be written", status.message());
    paused_until_ns_ = host_.monotonic_ns() + kWaitDelay;
    return give_back(ack, kWaitDelay);
  }
  problems_.set("the folder cannot be written", "");
  forget_refused(job.id);
  if (!publish_list_receipt(job)) return give_back(ack, kWaitDelay);
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
  const Report report{.id = id_of_subject(message.subject()),
                      .receiver = state_.token(),
                      .reason = "the list is damaged at the server: " + reason,
                      .again = false};
  poison(message, "list", reason, [this, report] { reports_.add(report); });
}

// The first receipt of a list is at the subject of its ID. A further one has the receiver in its subject, so
// that the sender finds it also when it was away. What somebody else has put there is removed.
bool Receiver::publish_list_receipt(const Job& job) {
  const Receipt receipt{.id = job.id,
                        .name = job.name,
                        .digest = job.digest,
                        .size = job.size,
                        .receiver = state_.token(),
                        .at = job.name};
  const std::string text = receipt_text(receipt);
  const Stored first = store(names_.subject("receipt", receipt.id), text);
  if (first != Stored::kAlready) return first == Stored::kYes;
  const std::string id = list_receipt_of(receipt.id, receipt.receiver);
  const Stored own = store(names_.subject("receipt", id), text);
  if (own != Stored::kAlready) return own == Stored::kYes;
  const Found found = look_up("receipt", id);
  const auto is_own = [&](std::string_view there) {
    Receipt one;
    return is_receipt_of(job, there) && parse_receipt(there, &one) && one.receiver == receipt.receiver;
  };
  if (found.result != Lookup::kFound)
    return false;  // it is put there again with the next delivery of the list
  if (is_own(found.text)) return true;
  remove_foreign("receipt", id, job.name, is_own);
  return store(names_.subject("receipt", id), text) == Stored::kYes;
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

// Compares the contents with the file that has the name of the list, and flushes it when they are equal.
// `*missing`: there is none.
Status Receiver::find_list(const Job& job, const std::string& contents, bool* missing, bool* refused) {
  std::string there;
  FileIdentity ignored;
  *missing = false;
  const Status status = folder_.read_small(job.name, kChunkSize, &there, &ignored, missing);
  if (*missing) return Status::success();
  if (!status.ok() && status.error() != 0) return status;
  *refused = !status.ok() || there != contents;
  return *refused ? Status::failure("the folder has another " + job.name +
                                    ": two texts with one name; see man paxect-link, LISTS")
                  : flush_list(job.name);
}

// Only what is under its name, and durable, is a success: a name that another program has had for a moment is
// tried again.
Status Receiver::put_list(const Job& job, const std::string& contents, bool* refused) {
  for (int round = 0; round < kMaxRounds; ++round) {
    bool missing = false;
    if (const Status found = find_list(job, contents, &missing, refused); !found.ok() || !missing)
      return found;
    const std::string temporary = temporary_of(job.name, job.id);
    UniqueFd file;
    Status status = folder_.create(temporary, &file);
    if (status.ok()) status = write_all(file.get(), contents.data(), contents.size(), 0, job.name);
    if (status.ok() && fsync(file.get()) != 0)
      status = Status::system("cannot flush " + folder_.path() + "/" + job.name);
    bool taken = false;
    if (status.ok()) status = folder_.rename_new(temporary, job.name, &taken);
    if (!status.ok() || taken) folder_.remove(temporary);
    if (!status.ok()) return status;
    if (!taken) return folder_.sync_names(job.name);
  }
  return Status::system("another program takes and leaves the name " + folder_.path() + "/" + job.name,
                        EEXIST);
}

}  // namespace paxect::carrier
