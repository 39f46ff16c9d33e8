// `receipt import`: takes a receipt that came on another way than a folder.
#include "base/filesystem.h"
#include "base/relay_paths.h"
#include "commands/command.h"
#include "commands/receipt_view.h"
#include "proof/statement.h"
#include "relay/kept_sources.h"

namespace paxect::link {
namespace {

constexpr const char* kUsage = "use paxect link receipt import FILE... [--json]";

// The signature first, as everywhere. The same bytes may be there already.
Status take(const std::string& folder, const std::string& path) {
  for (const std::string& each : {signature_of(path), path}) {
    std::string text;
    if (Status status = read_small_file(each, kMaxStatementSize, &text); !status.ok()) return status;
    if (Status status = replace_file(join(folder, base_name(each)), text); !status.ok()) return status;
  }
  return Status::success();
}

Status read_named(const std::string& path, const ReceiptView& view, FoundReceipt* out) {
  Directory folder;
  Status status = Directory::open(directory_name(path), &folder);
  if (!status.ok()) return status;
  return read_receipt(folder, std::string(base_name(path)), view.context.config.node, view.keys,
                      view.journal.sent, out);
}

// Where a receipt is that counts and has this name and another text; "" when there is none. `before` are
// those that are imported with it.
std::string other_text_of(const ReceiptView& view, const FoundReceipt& found, const std::string& folder,
                          const std::vector<FoundReceipt>& before) {
  for (const FoundReceipt& each : before)
    if (base_name(each.path) == base_name(found.path) && each.digest != found.digest) return each.path;
  if (folder.empty()) return "";
  FoundReceipt known;
  const bool is_other =
      read_named(join(folder, base_name(found.path)), view, &known).ok() && known.digest != found.digest;
  return is_other ? known.path : "";
}

// A receipt that is taken, and the one that is here with another text.
struct Imported {
  FoundReceipt found;
  std::string problem = {};  // it is about other lists than ours
  std::string other = {};
};

// The first text is the evidence: the second one goes beside it, and there is no place for a third one.
Status find_other(const ReceiptView& view, const std::vector<FoundReceipt>& first,
                  const std::vector<FoundReceipt>& second, Imported* out) {
  const LinkConfig& config = view.context.config;
  out->other = other_text_of(view, out->found, imported_receipts_of(config.state), first);
  if (out->other.empty()) out->other = other_text_of(view, out->found, config.receipts_in, {});
  if (out->other.empty()) return Status::success();
  const std::string third = other_text_of(view, out->found, second_receipts_of(config.state), second);
  if (third.empty()) return Status::success();
  return Status::invalid(out->found.path + ": " + out->found.receipt.head.from +
                         " has signed more than two texts for this receipt, and the others are " +
                         out->other + " and " + third + ": " + std::string(kForkedReceiver));
}

}  // namespace

paxect_plugin_status run_receipt(const Call& call) {
  const std::vector<std::string>& words = call.arguments().words;
  if (words[0] != "import" || words.size() < 2) return call.fail(PAXECT_PLUGIN_USAGE, kUsage);
  ReceiptView view;
  if (paxect_plugin_status status = open_receipts(call, &view); status != PAXECT_PLUGIN_OK) return status;
  const LinkConfig& config = view.context.config;
  // All or none. One about other lists than the journal knows shows that the journal was put back: the relay
  // learns it by nothing else, where its lists were carried away.
  std::vector<Imported> taken(words.size() - 1);
  std::vector<FoundReceipt> first;
  std::vector<FoundReceipt> second;
  for (std::size_t i = 0; i < taken.size(); ++i) {
    Imported& each = taken[i];
    Status status = read_named(words[i + 1], view, &each.found);
    if (!status.ok() && status.event != "other_list") return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
    each.problem = status.message;
    if (status = find_other(view, first, second, &each); !status.ok())
      return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
    (each.other.empty() ? first : second).push_back(each.found);
  }
  const auto folder_of = [&](const Imported& each) {
    return each.other.empty() ? imported_receipts_of(config.state) : second_receipts_of(config.state);
  };
  for (std::size_t i = 0; i < taken.size(); ++i) {
    Status status = make_directories(folder_of(taken[i]));
    if (status.ok()) status = take(folder_of(taken[i]), words[i + 1]);
    if (!status.ok()) return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  }
  if (call.arguments().json) {
    JsonLine json;
    json.begin_array("imported");
    for (const Imported& each : taken) {
      json.begin_element();
      json.add("node", each.found.receipt.head.from);
      json.add("number", each.found.receipt.head.number);
      json.add("about", each.found.receipt.about);
      json.add("file", join(folder_of(each), base_name(each.found.path)));
      json.add("other_text", each.other);
      json.end_object();
    }
    json.end_array();
    json.finish(&call.console());
    return PAXECT_PLUGIN_OK;
  }
  for (const Imported& each : taken) {
    const Receipt& receipt = each.found.receipt;
    call.console().line("imported receipt " + std::to_string(receipt.head.number) + " of " +
                        shown(receipt.head.from) + " about " + receipt.about);
    if (!each.problem.empty())
      call.console().line(shown(each.problem) +
                          ": it confirms nothing, and the relay begins another stream of lists");
    if (!each.other.empty())
      call.console().line(shown(receipt.head.from) +
                          " has signed two texts for this receipt, and the other one is " +
                          shown(each.other) +
                          "; what either of them says was delivered counts: " + std::string(kForkedReceiver));
  }
  return PAXECT_PLUGIN_OK;
}

}  // namespace paxect::link
