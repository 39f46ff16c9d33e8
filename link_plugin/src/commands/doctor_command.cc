// `doctor DIR`: which guarantees hold on the disk of a directory.
#include <algorithm>

#include "commands/command.h"
#include "commands/mount_probe.h"
#include "settings/link_config.h"
#include "settings/policy_file.h"

namespace paxect::link {
namespace {

const char* text_of(Finding::Verdict verdict) {
  switch (verdict) {
    case Finding::Verdict::kHolds:
      return "holds";
    case Finding::Verdict::kPartly:
      return "partly";
    case Finding::Verdict::kFails:
      return "fails";
    case Finding::Verdict::kNote:
      break;
  }
  return "note";
}

std::size_t count(const std::vector<Finding>& findings, Finding::Verdict verdict) {
  return static_cast<std::size_t>(std::count_if(findings.begin(), findings.end(),
                                                [&](const auto& each) { return each.verdict == verdict; }));
}

// What the relay needs of a disk. Where the policy is missing or broken, the default one counts.
ProbeNeeds needs_of(const LinkConfig& config) {
  PolicyReading reading = PolicyFile(config.policy, config.node).read();
  const Policy policy = reading.ok() ? reading.policy : Policy{};
  return {
      .settle_ns = config.settle_ns,
      .largest_bytes = policy.max_file_bytes,
      .largest_container_bytes = policy.max_container_bytes(static_cast<unsigned>(config.encoding.protect))};
}

void print_json(const std::string& directory, const std::vector<Finding>& findings, bool all,
                Console* console) {
  JsonLine json;
  json.add("directory", directory);
  json.add("all_hold", all);
  json.begin_array("findings");
  for (const Finding& finding : findings) {
    json.begin_element();
    json.add("what", finding.what);
    json.add("verdict", text_of(finding.verdict));
    json.add("found", finding.found);
    json.add("effect", finding.effect);
    json.end_object();
  }
  json.end_array();
  json.finish(console);
}

void print_text(const std::vector<Finding>& findings, Console* console) {
  for (const Finding& finding : findings) {
    console->line(std::string(text_of(finding.verdict)) + "  " + finding.what + ": " + finding.found);
    console->line("       " + finding.effect);
  }
  const std::size_t failed = count(findings, Finding::Verdict::kFails);
  const std::size_t partly = count(findings, Finding::Verdict::kPartly);
  if (failed > 0)
    console->line(count_text(failed, "guarantee") + (failed == 1 ? " does" : " do") + " not hold here");
  else if (partly > 0)
    console->line("no guarantee fails here, and " + std::to_string(partly) +
                  (partly == 1 ? " holds" : " hold") + " in part");
  else
    console->line("all guarantees hold here");
}

}  // namespace

paxect_plugin_status run_doctor(const Call& call) {
  LinkConfig config;
  if (Status status = read_config(call.host(), KeyUse::kIfReadable, &config); !status.ok())
    return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  const std::string& directory = call.arguments().words.front();
  std::vector<Finding> findings;
  if (Status status = probe_mount(directory, needs_of(config), &findings); !status.ok())
    return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  const bool fails = count(findings, Finding::Verdict::kFails) > 0;
  if (call.arguments().json)
    print_json(directory, findings, !fails, &call.console());
  else
    print_text(findings, &call.console());
  return !fails ? PAXECT_PLUGIN_OK : PAXECT_PLUGIN_INCOMPLETE;
}

}  // namespace paxect::link
