// `audit`: whether the audit log is as it was written.
#include <map>
#include <optional>
#include <vector>

#include "base/filesystem.h"
#include "base/relay_paths.h"
#include "commands/command.h"
#include "commands/log_reader.h"
#include "commands/relay_context.h"
#include "proof/list.h"
#include "proof/log_chain.h"
#include "proof/node_key.h"
#include "proof/receipt.h"
#include "proof/signature.h"
#include "proof/signature_damage.h"
#include "settings/pinned_keys.h"

namespace paxect::link {
namespace {

// What somebody else has of the chain, and whether the log has it too.
struct Witness {
  std::string path;
  LogHead head = {};
  std::string node = {};   // that made the list or receipt
  std::string state = {};  // found, missing, changed, before, foreign
};

struct Audit {
  std::vector<std::string> logs;
  std::vector<std::string> passed_over;
  ChainChecker chain;
  std::string broken_log;  // where the chain breaks; "" when it does not
  std::uint64_t broken_line = 0;
  std::string inserted_log;  // which has the first line that no relay wrote; "" when there is none
  std::uint64_t inserted_line = 0;
  bool is_inserted_empty = false;
  std::uint64_t inserted = 0;
  std::vector<Witness> witnesses;
  std::map<std::uint64_t, std::string> seen;  // chains of the lines that witnesses name
  LogHead journal;  // what the journal knows of the log: at most its last line, no line when it knows nothing
  std::string node;  // whose log it is; "" when that is not known

  std::uint64_t torn() const { return chain.torn() - inserted; }
  // The lines that the relay wrote after the last one that is here.
  std::uint64_t lost() const {
    return journal.lines > chain.head().lines ? journal.lines - chain.head().lines : 0;
  }
  // The log has another line than the journal.
  bool is_remade() const {
    const auto line = seen.find(journal.lines);
    return journal.lines > 0 && line != seen.end() && !line->second.empty() && line->second != journal.chain;
  }
  const char* state() const {
    if (!broken_log.empty() || !inserted_log.empty() || lost() > 0 || is_remade()) return "broken";
    return chain.lines() == 0 ? "unchained" : "intact";
  }
  bool is_good() const {
    bool agree = std::string_view(state()) == "intact";
    for (const Witness& witness : witnesses) agree = agree && witness.state == "found";
    return agree;
  }
};

// A list or a receipt proves nothing about the log if its node did not sign it.
Status verify_witness(const std::string& path, const std::string& text, const StatementHead& head,
                      const std::vector<NodeKey>& keys) {
  const std::vector<PublicKey> valid = keys_for(keys, head.from, head.stream, head.number);
  if (valid.empty())
    return Status::invalid("no key of " + head.from +
                           " is known here: pin the one that signed it, `paxect link key pin " + head.from +
                           " FILE`");
  std::string signature;
  const std::string beside = signature_of(path);
  if (Status status = read_small_file(beside, kMaxStatementSize, &signature); !status.ok())
    return Status::invalid("its signature cannot be read: " + status.message);
  Status status = verify_file(text, signature, base_name(path), valid);
  if (!status.ok() && status.event != kSignatureDamaged)
    status.message += ": have it and its signature copied again, or pin the key that signed it";
  return status;
}

// A list, a receipt, or one line with a head.
Status read_witness(const std::string& path, const std::vector<NodeKey>& keys, Witness* out) {
  *out = {.path = path};
  std::string text;
  if (Status status = read_small_file(path, kMaxStatementSize, &text); !status.ok()) return status;
  Status status;
  if (text.starts_with("# paxect list ")) {
    List list;
    status = parse_list(text, &list);
    if (status.ok()) status = verify_witness(path, text, list.head, keys);
    out->head = list.head.log;
    out->node = list.head.from;
  } else if (text.starts_with("# paxect receipt ")) {
    Receipt receipt;
    status = parse_receipt(text, &receipt);
    if (status.ok()) status = verify_witness(path, text, receipt.head, keys);
    out->head = receipt.head.log;
    out->node = receipt.head.from;
  } else if (text.ends_with('\n')) {
    text.pop_back();
    if (!parse_log_head_value(text, &out->head))
      status = Status::invalid("neither a list, a receipt, nor a line NUMBER SHA256");
  } else {
    status = Status::invalid("neither a list, a receipt, nor a line NUMBER SHA256");
  }
  return status.ok() ? status : Status::invalid(path + ": " + status.message);
}

// Of the relay of the section, when the command is about its own log.
paxect_plugin_status read_journal_head(const Call& call, Audit* audit) {
  if (!call.arguments().words.empty()) return PAXECT_PLUGIN_OK;
  RelayContext context;
  if (paxect_plugin_status status = open_context(call, &context); status != PAXECT_PLUGIN_OK) return status;
  JournalContents journal;
  if (Status status = read_journal(journal_of(context.config.state), &journal); !status.ok())
    return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  audit->journal = journal.log;
  audit->seen[journal.log.lines];
  audit->node = context.config.node;
  return PAXECT_PLUGIN_OK;
}

// Our own, and those of peers. Our own earlier ones are pinned under our own name.
paxect_plugin_status read_keys(const Call& call, std::vector<NodeKey>* out) {
  LinkConfig config;
  if (Status status = read_config(call.host(), KeyUse::kIfReadable, &config); !status.ok())
    return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  std::vector<PinnedKey> pinned;
  if (Status status = read_pinned_keys(KeyFolder(config), &pinned); !status.ok())
    return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  *out = node_keys_of(pinned);
  if (config.sign_key.key()) out->push_back({config.node, config.sign_key.key()->public_key()});
  return PAXECT_PLUGIN_OK;
}

// What a crash leaves of a line: its beginning, or what is before or after the zeros of blocks that were not
// written.
bool is_rest_of_line(std::string_view line) {
  constexpr std::string_view kBegin = "{\"datetime_utc\": \"";  // of every line of a relay
  if (line.empty()) return false;
  return line.starts_with(kBegin) || kBegin.starts_with(line) || line.front() == '\0' || line.back() == '\0';
}

Status check_log(const OpenLog& log, Audit* audit) {
  std::uint64_t number = 0;
  return read_lines(log, 0, [&](const std::string* line) {
    ++number;
    // One that is longer than any of a relay is not kept.
    const std::string text = line == nullptr ? "a line that is too long" : *line;
    if (text.empty() && audit->chain.first() == 0) return true;
    const std::uint64_t before = audit->chain.lines();
    const bool is_record = is_whole_line(text);
    // What an older version, or another program, had in the log before is not checked.
    const bool is_inserted = !is_record && audit->chain.first() > 0 && !is_rest_of_line(text);
    if (!audit->chain.add(text, is_record)) {
      audit->broken_log = log.path;
      audit->broken_line = number;
      return false;
    }
    if (is_inserted && audit->inserted++ == 0) {
      audit->inserted_log = log.path;
      audit->inserted_line = number;
      audit->is_inserted_empty = text.empty();
    }
    if (audit->chain.lines() != before) {
      const auto wanted = audit->seen.find(audit->chain.head().lines);
      if (wanted != audit->seen.end()) wanted->second = audit->chain.head().chain;
    }
    return true;
  });
}

void judge_witnesses(Audit* audit) {
  for (Witness& witness : audit->witnesses) {
    const std::uint64_t line = witness.head.lines;
    // Number 0: the witness was made before the first line.
    if (line == 0 || audit->seen[line] == witness.head.chain)
      witness.state = "found";
    else if (!audit->seen[line].empty())
      witness.state = "changed";
    else
      witness.state = line < audit->chain.first() ? "before" : "missing";
    const bool is_other = !witness.node.empty() && !audit->node.empty() && witness.node != audit->node;
    if (witness.state != "found" && is_other) witness.state = "foreign";
  }
}

std::string witness_text(const Witness& witness, const std::string& node) {
  const std::string line = "line " + std::to_string(witness.head.lines);
  if (witness.state == "found") return "the log has its " + line;
  if (witness.state == "changed") return "the log has another " + line + ": it was made again";
  if (witness.state == "foreign")
    return "it is about the log of " + shown(witness.node) + ", and this is the one of " + shown(node) +
           ": give a list or a receipt that " + shown(node) + " made";
  if (witness.state == "before") return line + " is older than these logs: give the rotated ones too";
  return line + " is not in the log: lines were removed, or the chain breaks before it";
}

std::string inserted_text(const Audit& audit) {
  std::string text = audit.is_inserted_empty ? "an empty line" : "this line is none of a relay";
  text += ": it was inserted, or another program writes to the log";
  if (audit.inserted > 1) text += "; so are " + std::to_string(audit.inserted - 1) + " more";
  return text;
}

// What the journal says against the log, "" for nothing.
std::string journal_problem_of(const Audit& audit) {
  if (audit.is_remade())
    return "the journal has another line " + std::to_string(audit.journal.lines) + ": the log was made again";
  if (audit.lost() == 0) return "";
  return "the journal has line " + std::to_string(audit.journal.lines) + ", and " +
         (audit.chain.lines() == 0
              ? "none is here"
              : "line " + std::to_string(audit.chain.head().lines) + " is the last one here") +
         ": lines were removed, or the log that has them was moved away or passed over";
}

// What is wrong with the log, "" for nothing.
std::string problem_of(const Audit& audit) {
  if (!audit.broken_log.empty()) return audit.chain.problem();
  return audit.inserted_log.empty() ? journal_problem_of(audit) : inserted_text(audit);
}

void print_json(const Audit& audit, Console* console) {
  JsonLine json;
  json.add("state", audit.state());
  json.add("problem", problem_of(audit));
  json.add("log", audit.broken_log.empty() ? audit.inserted_log : audit.broken_log);
  json.add("line", audit.broken_log.empty() ? audit.inserted_line : audit.broken_line);
  json.add("first", audit.chain.first());
  json.add("lines", audit.chain.lines());
  json.add("head", log_head_value(audit.chain.head()));
  json.add("unchained", audit.chain.unchained());
  json.add("missing", audit.chain.missing());
  json.add("torn", audit.torn());
  json.add("inserted", audit.inserted);
  json.begin_array("witnesses");
  for (const Witness& witness : audit.witnesses) {
    json.begin_element();
    json.add("file", witness.path);
    json.add("head", log_head_value(witness.head));
    json.add("state", witness.state);
    json.end_object();
  }
  json.end_array();
  for (const auto& [name, paths] : {std::pair{"logs", &audit.logs}, {"passed_over", &audit.passed_over}}) {
    json.begin_array(name);
    for (const std::string& path : *paths) json.add_element(path);
    json.end_array();
  }
  json.finish(console);
}

void print_text(const Audit& audit, Console* console) {
  const ChainChecker& chain = audit.chain;
  if (!audit.inserted_log.empty())
    console->row("broken", shown(audit.inserted_log) + ":" + std::to_string(audit.inserted_line) + ": " +
                               inserted_text(audit));
  if (!audit.broken_log.empty())
    console->row("broken",
                 shown(audit.broken_log) + ":" + std::to_string(audit.broken_line) + ": " + chain.problem());
  else if (audit.lost() > 0 || audit.is_remade())
    console->row("broken", journal_problem_of(audit));
  else if (audit.inserted_log.empty())
    console->row(audit.state(),
                 count_text(chain.lines(), "line") + " in " + count_text(audit.logs.size(), "file"));
  if (chain.first() > 1)
    console->row("not checked",
                 "the lines before line " + std::to_string(chain.first()) + ", which are not here");
  if (chain.missing() > 0)
    console->row("not checked", count_text(chain.missing(), "line") + " of logs that were passed over");
  if (chain.unchained() > 0)
    console->row("not checked", count_text(chain.unchained(), "line") + " of a version without a chain");
  if (audit.torn() > 0) console->row("torn", count_text(audit.torn(), "line") + ", passed over");
  console->row("head", log_head_value(chain.head()));
  for (const Witness& witness : audit.witnesses)
    console->row("witness", shown(witness.path) + ": " + witness_text(witness, audit.node));
  if (!audit.passed_over.empty()) console->row("", shown(passed_over_text(audit.passed_over)));
}

}  // namespace

paxect_plugin_status run_audit(const Call& call) {
  Audit audit;
  // Before the log: the relay writes to the log first.
  if (paxect_plugin_status status = read_journal_head(call, &audit); status != PAXECT_PLUGIN_OK)
    return status;
  std::vector<NodeKey> keys;
  if (!call.arguments().witnesses.empty())
    if (paxect_plugin_status status = read_keys(call, &keys); status != PAXECT_PLUGIN_OK) return status;
  std::vector<std::string> logs;
  if (paxect_plugin_status status = logs_of(call, &logs); status != PAXECT_PLUGIN_OK) return status;
  for (const std::string& path : call.arguments().witnesses) {
    Witness witness;
    if (Status status = read_witness(path, keys, &witness); !status.ok())
      return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
    audit.seen[witness.head.lines];
    audit.witnesses.push_back(std::move(witness));
  }
  for (const OpenLog& log : open_with_rotated(logs, &audit.passed_over)) {
    audit.logs.push_back(log.path);
    if (!audit.broken_log.empty()) continue;
    audit.chain.begin_file(log.after_gap);
    if (Status status = check_log(log, &audit); !status.ok())
      return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  }
  judge_witnesses(&audit);
  if (call.arguments().json)
    print_json(audit, &call.console());
  else
    print_text(audit, &call.console());
  return audit.is_good() ? PAXECT_PLUGIN_OK : PAXECT_PLUGIN_INCOMPLETE;
}

}  // namespace paxect::link
