#include "stages/intake.h"

#include <algorithm>
#include <utility>

#include "base/relay_paths.h"

namespace paxect::link {
namespace {

constexpr int kDeepest = 64;  // folders within folders

bool is_older(const Candidate& a, const Candidate& b) {
  if (a.identity.mtime_ns != b.identity.mtime_ns) return a.identity.mtime_ns < b.identity.mtime_ns;
  if (a.name != b.name) return a.name < b.name;
  return a.folder < b.folder;
}

}  // namespace

Status Intake::scan(const Directory& inbox, std::uint64_t now_ns, const Wanted& wanted, const Odd& odd,
                    const Leaving& leaving) {
  ++generation_;
  now_ns_ = now_ns;
  wanted_ = &wanted;
  odd_ = &odd;
  leaving_ = &leaving;
  window_.clear();
  has_more_ = false;
  beyond_window_ = 0;
  unsettled_ = 0;
  unread_ = 0;
  next_look_ns_ = UINT64_MAX;
  next_new_look_ns_ = UINT64_MAX;
  Status status = scan_folder(inbox, "", 0);
  // The window is a heap with the youngest on top while it fills; sorted, the oldest comes last.
  std::sort(window_.begin(), window_.end(),
            [](const Candidate& a, const Candidate& b) { return is_older(b, a); });
  if (status.ok()) {
    std::erase_if(looks_, [&](const auto& entry) { return entry.second.generation != generation_; });
    std::erase_if(told_, [&](const auto& entry) { return entry.second != generation_; });
  }
  return status;
}

Status Intake::scan_folder(const Directory& folder, const std::string& relative, int depth) {
  return folder.list([&](const char* name) {
    visit(folder, relative, name, depth);
    return true;
  });
}

void Intake::visit(const Directory& folder, const std::string& relative, const std::string& name, int depth) {
  if (is_leaving(name) && *leaving_) (*leaving_)(folder, relative, name);
  if (is_never_taken(name) || (settings_.ignored && settings_.ignored(name))) return;
  FileLook look = folder.look(name);
  std::string path = join(relative, name);
  switch (look.kind) {
    case FileKind::kRegular:
      visit_file(folder, {relative, name, look.identity});
      break;
    case FileKind::kDirectory: {
      if (!settings_.recursive) break;
      Directory below;
      Status status = depth < kDeepest ? folder.open_below(name, false, &below)
                                       : Status::environment("more than " + std::to_string(kDeepest) +
                                                             " folders deep: never looked into");
      if (status.ok()) status = scan_folder(below, path, depth + 1);
      if (!status.ok() && status.fault != Fault::kGone) {
        ++unread_;
        tell_odd(path, "skipped", status.message);
      }
      break;
    }
    case FileKind::kSymlink:
      tell_odd(path, "path_outside_inbox", "a symbolic link is never followed");
      break;
    case FileKind::kOther:
      tell_odd(path, "skipped", "not a regular file");
      break;
    case FileKind::kMissing:
      break;
    case FileKind::kUnknown:
      ++unread_;
      tell_odd(path, "skipped", io_failure("look at", path, look.error).message);
      break;
  }
}

void Intake::visit_file(const Directory& folder, Candidate candidate) {
  const Look* look = observe(folder, candidate, now_ns_);
  if (look == nullptr) {
    has_more_ = true;
    return;
  }
  if (is_ready(*look, now_ns_)) {
    if ((*wanted_)(candidate)) offer(std::move(candidate));
    return;
  }
  ++unsettled_;
  // The end of writing shows in an event or at one of the next scans.
  if (look->written) return;
  std::uint64_t due =
      look->complete ? look->quiet_ns + settings_.min_age_ns : look->since_ns + settings_.settle_ns;
  next_look_ns_ = std::min(next_look_ns_, due);
  if (!look->restless) next_new_look_ns_ = std::min(next_new_look_ns_, due);
}

Intake::Look* Intake::observe(const Directory& folder, const Candidate& candidate, std::uint64_t now_ns) {
  const std::string path = candidate.path();
  auto found = looks_.find(path);
  const bool is_new = found == looks_.end();
  if (is_new) {
    if (looks_.size() >= settings_.most_looks) return nullptr;
    found = looks_.emplace(path, Look{.identity = candidate.identity, .since_ns = now_ns, .quiet_ns = now_ns})
                .first;
  }
  Look& look = found->second;
  look.generation = generation_;
  if (look.identity != candidate.identity)
    look = Look{.identity = candidate.identity,
                .since_ns = now_ns,
                .quiet_ns = now_ns,
                .generation = generation_,
                .restless = true};
  if (look.complete) return &look;
  const Judgement judgement =
      settings_.judge ? settings_.judge(folder, candidate, look.written) : Judgement{};
  if (judgement.progress == Progress::kWritten) {
    mark_written(path, candidate.identity, now_ns);
    return &look;
  }
  if (is_new) look.quiet_ns = now_ns - std::min(now_ns, judgement.quiet_ns);
  look.written = false;
  look.complete = judgement.progress == Progress::kComplete ||
                  (now_ns > look.since_ns && now_ns - look.since_ns >= settings_.settle_ns);
  return &look;
}

bool Intake::is_ready(const Look& look, std::uint64_t now_ns) const {
  return look.complete && (now_ns < look.quiet_ns || now_ns - look.quiet_ns >= settings_.min_age_ns);
}

bool Intake::is_ready(const Directory& folder, const Candidate& candidate, std::uint64_t now_ns) {
  const Look* look = observe(folder, candidate, now_ns);
  return look != nullptr && is_ready(*look, now_ns);
}

void Intake::offer(Candidate candidate) {
  window_.push_back(std::move(candidate));
  std::push_heap(window_.begin(), window_.end(), is_older);
  if (window_.size() <= settings_.window) return;
  std::pop_heap(window_.begin(), window_.end(), is_older);
  window_.pop_back();
  has_more_ = true;
  ++beyond_window_;
}

void Intake::tell_odd(const std::string& path, const std::string& event, const std::string& why) {
  auto [entry, fresh] = told_.emplace(path, generation_);
  entry->second = generation_;
  if (fresh) (*odd_)(path, event, why);
}

void Intake::arrived(const std::string& path, const FileIdentity& identity, std::uint64_t now_ns) {
  looks_[path] = Look{.identity = identity,
                      .since_ns = now_ns,
                      .quiet_ns = now_ns,
                      .generation = generation_,
                      .complete = true};
  if (settings_.min_age_ns == 0) return;
  next_look_ns_ = std::min(next_look_ns_, now_ns + settings_.min_age_ns);
  next_new_look_ns_ = std::min(next_new_look_ns_, next_look_ns_);
}

void Intake::still_written(const std::string& path, const FileIdentity& identity, std::uint64_t now_ns) {
  mark_written(path, identity, now_ns);
  ++unsettled_;
}

void Intake::mark_written(const std::string& path, const FileIdentity& identity, std::uint64_t now_ns) {
  looks_[path] = Look{.identity = identity,
                      .since_ns = now_ns,
                      .quiet_ns = now_ns,
                      .generation = generation_,
                      .restless = true,
                      .written = true};
}

Candidate Intake::take() {
  Candidate candidate = std::move(window_.back());
  window_.pop_back();
  return candidate;
}

void Intake::made(const std::string& path, const FileIdentity& identity) {
  looks_[path] = Look{.identity = identity, .generation = generation_, .complete = true};
}

void Intake::add(Candidate candidate) {
  made(candidate.path(), candidate.identity);
  window_.push_back(std::move(candidate));
}

void Intake::add_youngest(Candidate candidate) {
  auto known = std::find_if(window_.begin(), window_.end(), [&](const Candidate& other) {
    return other.name == candidate.name && other.folder == candidate.folder;
  });
  if (known != window_.end())
    known->identity = candidate.identity;
  else
    window_.insert(window_.begin(), std::move(candidate));
}

bool Intake::knows(const std::string& path, const FileIdentity& identity) const {
  auto found = looks_.find(path);
  return found != looks_.end() && found->second.identity == identity;
}

}  // namespace paxect::link
