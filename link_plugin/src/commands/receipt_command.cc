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
    if (Status status = read_file(each, kMaxStatementSize, &text); !status.ok()) return status;
    if (Status status = replace_file(join(folder, base_name(each)), text); !status.ok()) return status;
  }
  return Status::success();
}

// Whether no receipt of this name with another text is here that counts.
Status check_first(const ReceiptView& view, const FoundReceipt& found) {
  const LinkConfig& config = view.context.config;
  for (const std::string& folder : {imported_receipts_of(config.state), config.receipts_in}) {
    if (folder.empty()) continue;
    FoundReceipt known;
    const std::string path = join(folder, base_name(found.path));
    if (!read_receipt(path, config.node, view.keys, view.journal.sent, &known).ok() ||
        known.digest == found.digest)
      continue;
    const std::string& node = found.receipt.head.from;
    return Status::invalid(found.path + ": " + node +
                           " has signed two texts for this receipt, and the other one is " + path +
                           ", so two receivers run with one state: " + std::string(kForkedReceiver));
  }
  return Status::success();
}

}  // namespace

paxect_plugin_status run_receipt(const Call& call) {
  const std::vector<std::string>& words = call.arguments().words;
  if (words[0] != "import" || words.size() < 2) return call.fail(PAXECT_PLUGIN_USAGE, kUsage);
  ReceiptView view;
  if (paxect_plugin_status status = open_receipts(call, &view); status != PAXECT_PLUGIN_OK) return status;
  const LinkConfig& config = view.context.config;
  const std::string folder = imported_receipts_of(config.state);
  std::vector<FoundReceipt> taken(words.size() - 1);
  // All or none. One about other lists than the journal knows shows that the journal was put back: the relay
  // learns it by nothing else, where its lists were carried away.
  std::vector<std::string> others(taken.size());
  for (std::size_t i = 1; i < words.size(); ++i) {
    const Status status = read_receipt(words[i], config.node, view.keys, view.journal.sent, &taken[i - 1]);
    if (!status.ok() && status.event != "other_list") return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
    others[i - 1] = status.message;
  }
  // The first text is the evidence: it is not replaced.
  for (const FoundReceipt& found : taken)
    if (Status status = check_first(view, found); !status.ok())
      return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  if (Status status = make_directories(folder); !status.ok())
    return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  for (std::size_t i = 1; i < words.size(); ++i)
    if (Status status = take(folder, words[i]); !status.ok())
      return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  if (call.arguments().json) {
    JsonLine json;
    json.begin_array("imported");
    for (const FoundReceipt& found : taken) {
      json.begin_element();
      json.add("node", found.receipt.head.from);
      json.add("number", found.receipt.head.number);
      json.add("about", found.receipt.about);
      json.add("file", join(folder, base_name(found.path)));
      json.end_object();
    }
    json.end_array();
    json.finish(&call.console());
    return PAXECT_PLUGIN_OK;
  }
  for (std::size_t i = 0; i < taken.size(); ++i) {
    const Receipt& receipt = taken[i].receipt;
    call.console().line("imported receipt " + std::to_string(receipt.head.number) + " of " +
                        shown(receipt.head.from) + " about " + receipt.about);
    if (!others[i].empty())
      call.console().line(shown(others[i]) +
                          ": it confirms nothing, and the relay begins another stream of lists");
  }
  return PAXECT_PLUGIN_OK;
}

}  // namespace paxect::link
