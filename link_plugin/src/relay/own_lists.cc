#include "relay/own_lists.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <tuple>
#include <vector>

#include "base/digest.h"
#include "base/relay_paths.h"
#include "proof/receipt.h"
#include "proof/signature.h"
#include "proof/statement.h"
#include "proof/statement_name.h"
#include "records/signed_file.h"
#include "relay/statement_file.h"

namespace paxect::link {

std::string line_of(const PublicKey& key) {
  const std::string text = public_key_text(key);
  return text.substr(text.find('\n') + 1, text.size() - text.find('\n') - 2);
}

Status read_own_list(const Directory& folder, const std::string& name, const PublicKey& key, bool* is_own,
                     std::string* text, List* list) {
  *is_own = false;
  std::string signature;
  Signature parsed;
  // The short file first: of what names no key of ours the text is not read.
  for (const auto& [file, limit, contents] :
       {std::tuple{signature_of(name), kMaxSignatureSize, &signature}, {name, kMaxStatementSize, text}}) {
    Status status = folder.read_small(file, limit, contents);
    if (status.fault == Fault::kEnvironment && !is_forbidden(folder, file)) return status;
    if (!status.ok() ||
        (contents == &signature && (!parse_signature(signature, &parsed).ok() || parsed.key != key.id)))
      return Status::success();
  }
  *is_own = verify_file(*text, signature, name, {key}).ok() && parse_list(*text, list).ok();
  return Status::success();
}

Status sign_list(const SigningKey& key, const std::string& text, OwnList* out) {
  List list;
  if (Status status = parse_list(text, &list); !status.ok()) return status;
  out->name = list_of(list.head.from, list.head.stream, list.head.number);
  out->text = text;
  out->signature = sign_file(key, text, out->name);
  return Status::success();
}

bool is_forbidden(const Directory& folder, const std::string& file) {
  return folder.stat_of(file).kind == FileKind::kRegular &&
         faccessat(folder.fd(), file.c_str(), R_OK, AT_EACCESS) != 0 && errno == EACCES;
}

namespace {

// A name that no list or receipt has; nothing is lost.
Status set_aside(const Directory& folder, const std::string& file) {
  bool is_taken = false;
  return folder.rename_new(file, file + "." + make_stream() + ".not-ours", &is_taken);
}

// What can be neither removed nor renamed, such as an immutable file, keeps its name for ever.
Status taken_for_ever(const Status& why) { return Status::environment(std::string(kTaken), why.message); }

// Whether it reads as what has its name: a list or a receipt of a node, without a signature that is ours.
bool is_statement(const Directory& folder, const std::string& file) {
  StatementName name;
  std::string text;
  if (!parse_statement_name(file, &name) || name.is_signature) return false;
  if (!folder.read_small(file, kMaxStatementSize, &text).ok()) return false;
  List list;
  Receipt receipt;
  const bool is_list = name.kind == StatementKind::kList;
  if (!(is_list ? parse_list(text, &list) : parse_receipt(text, &receipt)).ok()) return false;
  const StatementHead& head = is_list ? list.head : receipt.head;
  return head.from == name.node && head.stream == name.stream && head.number == name.number;
}

// What cannot be removed, such as a folder, gets another name. So does another text of the same number: it
// may be of our key, and its signature lost.
Status make_way(const Directory& folder, const std::string& file) {
  if (is_statement(folder, file) && set_aside(folder, file).ok()) return Status::success();
  const Status status = folder.remove(file);
  return status.ok() || set_aside(folder, file).ok() ? Status::success() : taken_for_ever(status);
}

// Whether the folder has another text under this name that the key has signed. What cannot be read now may
// be; what this process may not read gets another name.
Status find_other(const Directory& folder, const PublicKey& key, const OwnList& list, bool* is_other) {
  std::string text;
  std::string signature;
  *is_other = false;
  for (const auto& [file, contents] : {std::pair{list.name, &text}, {signature_of(list.name), &signature}}) {
    Status status = folder.read_small(file, kMaxStatementSize, contents);
    if (status.fault == Fault::kEnvironment && is_forbidden(folder, file)) {
      const Status moved = set_aside(folder, file);
      if (!moved.ok() && moved.fault != Fault::kGone) return taken_for_ever(status);
    } else if (status.fault == Fault::kEnvironment) {
      return status;
    }
    if (!status.ok()) contents->clear();
  }
  *is_other = !text.empty() && text != list.text && verify_file(text, signature, list.name, {key}).ok();
  return Status::success();
}

}  // namespace

// The signature gets its name first.
Status put_list(const Directory& folder, const SigningKey& key, const OwnList& list, bool* is_other) {
  Status status = find_other(folder, key.public_key(), list, is_other);
  if (*is_other) return status;
  for (const auto& [file, contents] :
       {std::pair{signature_of(list.name), list.signature}, {list.name, list.text}}) {
    if (!status.ok()) return status;
    status = put_statement(folder, file, contents);
    if (status.event != kTaken) continue;
    status = make_way(folder, file);
    if (status.ok()) status = put_statement(folder, file, contents);
  }
  return status;
}

void add_entries(const List& list, OwnEntries* out) {
  const std::string to = receivers_text(list.head.to);
  for (std::size_t i = 0; i < list.entries.size(); ++i)
    out->emplace(std::pair(list.entries[i].digest, list.entries[i].name),
                 OwnEntry{{list.head.stream, list.first + i}, list.head.made, to, list.entries[i].again});
}

Status read_entries(const Directory& folder, const SentStream& stream, const PublicKey& key,
                    OwnEntries* out) {
  Status status;
  const Status listed = folder.list([&](const char* name) {
    StatementName each;
    if (!parse_statement_name(name, &each) || each.kind != StatementKind::kList || each.is_signature ||
        each.stream != stream.name || each.node != stream.node)
      return true;
    bool is_own = false;
    std::string text;
    List list;
    status = read_own_list(folder, name, key, &is_own, &text, &list);
    if (is_own) add_entries(list, out);
    return status.ok();
  });
  return listed.ok() ? status : listed;
}

Status read_shown(const Directory& folder, const std::string& node, const SentStream& stream,
                  const PublicKey& key, const Stop& stop, ShownLists* shown) {
  std::map<std::string, std::vector<std::uint64_t>> found;  // numbers by stream
  std::size_t names = 0;
  bool is_stopped = false;
  Status status = folder.list([&](const char* name) {
    StatementName each;
    if (parse_statement_name(name, &each) && each.kind == StatementKind::kList && !each.is_signature &&
        each.node == node && (stream.name.empty() || each.stream == stream.name) &&
        each.number + 1 >= stream.next &&
        (++names <= kMaxStatements || check_signature(folder, name, {key}).ok()))
      found[each.stream].push_back(each.number);
    is_stopped = stop();
    return !is_stopped;
  });
  if (is_stopped) return Status::stopped();
  for (auto& [name, numbers] : found) {
    std::sort(numbers.rbegin(), numbers.rend());
    for (const std::uint64_t number : numbers) {
      std::string text;
      List list;
      if (stop()) return Status::stopped();
      bool is_own = false;
      if (status = read_own_list(folder, list_of(node, name, number), key, &is_own, &text, &list);
          !status.ok())
        return status;
      if (!is_own) continue;
      const std::string digest = sha256_hex(text);
      const bool is_later = name == shown->stream ? number > shown->number : list.head.made >= shown->made;
      if (is_later) {
        shown->stream = name;
        shown->number = number;
        shown->digest = digest;
        shown->made = list.head.made;
      }
      if (number >= stream.next || digest != stream.previous)
        shown->unknown.try_emplace({name, number}, UnknownList{std::move(list), digest});
    }
  }
  return status;
}

}  // namespace paxect::link
