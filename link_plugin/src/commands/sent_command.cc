// `sent`: what of what this node sent its receivers have confirmed.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/clock.h"
#include "base/relay_paths.h"
#include "commands/command.h"
#include "commands/receipt_view.h"
#include "commands/relay_context.h"
#include "relay/kept_sources.h"
#include "relay/sent_counts.h"

namespace paxect::link {
namespace {

// What one receiver says of the entries of one stream.
struct Confirmed {
  std::string node;
  std::string about;
  const FoundReceipt* receipt = nullptr;  // the newest
  std::map<Outcome, std::uint64_t> counts = {};
  std::uint64_t settled = 0;   // delivered, or nobody waits for it any more
  std::uint64_t replaced = 0;  // of these: listed again under other numbers
  std::uint64_t forgone = 0;   // and written off here
  std::uint64_t sent = 0;      // entries of the stream, as far as this node knows
};

std::uint64_t count(const Confirmed& one, Outcome outcome) {
  const auto found = one.counts.find(outcome);
  return found == one.counts.end() ? 0 : found->second;
}

bool is_confirmed(const Confirmed& one) { return one.settled >= one.sent; }

// A receiver has another stream of receipts with another key or journal: all of them count.
Confirmed confirmed_by(const std::string& node, const std::string& about, const ReceiptView& view) {
  const SentStream& stream = view.journal.sent;
  const Said said = said_by(node, about, stream, view.receipts);
  Confirmed one{.node = node, .about = about, .receipt = said.newest};
  std::uint64_t through = 0;
  const EntryRanges over = over_here(stream, about);
  if (said.newest != nullptr)
    for (const OutcomeRange& range : said.newest->receipt.outcomes) {
      one.counts[range.outcome] +=
          range.outcome == Outcome::kDelivered ? range.last - range.first + 1 : count_open(over, range);
      through = range.last;
    }
  one.counts[Outcome::kDelivered] = size_of(said.delivered);
  one.settled = size_of(said.settled);
  one.replaced = size_of(stream.replaced(about));
  one.forgone = size_of(stream.forgone(about));
  const auto ended = stream.ended().find(about);
  const std::uint64_t known = about == stream.name            ? stream.next_entry - 1
                              : ended != stream.ended().end() ? ended->second.entries
                                                              : 0;
  one.sent = std::max(known, through);
  return one;
}

std::vector<Confirmed> find_confirmed(const ReceiptView& view) {
  std::set<std::pair<std::string, std::string>> wanted;  // node and stream
  for (const auto& [key, found] : view.receipts.newest()) wanted.emplace(std::get<0>(key), std::get<2>(key));
  // A receiver that has not said anything yet.
  for (const std::string& node : view.context.config.to) {
    if (!view.journal.sent.name.empty()) wanted.emplace(node, view.journal.sent.name);
    for (const auto& [stream, ended] : view.journal.sent.ended()) wanted.emplace(node, stream);
  }
  std::vector<Confirmed> all;
  all.reserve(wanted.size());
  for (const auto& [node, about] : wanted) all.push_back(confirmed_by(node, about, view));
  return all;
}

// The files that are kept, and who has not confirmed each.
struct Waiting {
  const KeptSource* source;
  SentStream::EntryNumber number;
  std::vector<std::string> unconfirmed;
  bool is_for_nobody;  // no receiver is named who could confirm it
};

std::vector<Waiting> waiting_of(const ReceiptView& view) {
  std::vector<Waiting> all;
  for (const auto& [number, source] : view.journal.sent.kept()) {
    std::vector<std::string> to = receivers_of(source);
    if (to.empty()) to = view.context.config.to;
    Waiting one{.source = &source, .number = number, .unconfirmed = {}, .is_for_nobody = to.empty()};
    for (const std::string& node : to) {
      const auto outcome = view.receipts.outcome_of(node, number.first, number.second);
      if (!outcome || outcome->outcome != Outcome::kDelivered)
        one.unconfirmed.push_back(node + " " + (outcome ? outcome_text(*outcome) : "silent"));
    }
    all.push_back(std::move(one));
  }
  return all;
}

void print_json(const ReceiptView& view, const std::vector<Confirmed>& all, const std::vector<Waiting>& kept,
                Console* console) {
  const SentStream& stream = view.journal.sent;
  JsonLine json;
  json.add("node", view.context.config.node);
  json.add("stream", stream.name);
  json.add("lists", stream.next - 1);
  json.add("entries", stream.next_entry - 1);
  json.add("unlisted", std::uint64_t{stream.unlisted().size()});
  json.begin_array("receivers");
  for (const Confirmed& one : all) {
    json.begin_element();
    json.add("node", one.node);
    json.add("stream", one.about);
    json.add("sent", one.sent);
    for (const auto& [name, outcome] : kOutcomeNames) json.add(name, count(one, outcome));
    json.add("listed_again", one.replaced);
    json.add("written_off", one.forgone);
    if (one.receipt == nullptr) {
      json.add_null("receipt");
      json.add_null("made");
    } else {
      json.add("receipt", one.receipt->path);
      json.add("made", utc_text(one.receipt->receipt.head.made * 1'000'000'000));
    }
    json.end_object();
  }
  json.end_array();
  json.begin_array("kept");
  for (const Waiting& one : kept) {
    json.begin_element();
    json.add("source", one.source->entry.source);
    json.add("name", one.source->entry.name);
    json.add("stream", one.number.first);
    json.add("entry", one.number.second);
    json.add("listed", utc_text(one.source->made * 1'000'000'000));
    json.begin_array("unconfirmed");
    for (const std::string& each : one.unconfirmed) json.add_element(each);
    json.end_array();
    json.end_object();
  }
  json.end_array();
  json.begin_array("refused_receipts");
  for (const std::string& why : view.refused) json.add_element(why);
  json.end_array();
  json.begin_array("forked_receipts");
  for (const std::string& why : view.forked) json.add_element(why);
  json.end_array();
  json.finish(console);
}

}  // namespace

paxect_plugin_status run_sent(const Call& call) {
  ReceiptView view;
  if (paxect_plugin_status status = open_receipts(call, &view); status != PAXECT_PLUGIN_OK) return status;
  const std::vector<Confirmed> all = find_confirmed(view);
  const std::vector<Waiting> kept = waiting_of(view);
  const bool is_complete =
      view.forked.empty() && std::all_of(all.begin(), all.end(), is_confirmed) &&
      view.journal.sent.unlisted().empty() &&
      std::all_of(kept.begin(), kept.end(), [](const Waiting& one) { return one.unconfirmed.empty(); });
  Console& console = call.console();
  if (call.arguments().json) {
    print_json(view, all, kept, &console);
    return is_complete ? PAXECT_PLUGIN_OK : PAXECT_PLUGIN_INCOMPLETE;
  }
  const SentStream& stream = view.journal.sent;
  console.row("listed", stream.name.empty() ? "nothing"
                                            : count_text(stream.next_entry - 1, "container") + " in " +
                                                  count_text(stream.next - 1, "list") + " of " + stream.name);
  if (!stream.unlisted().empty()) console.row("unlisted", count_text(stream.unlisted().size(), "container"));
  for (const Confirmed& one : all) {
    std::string text =
        std::to_string(count(one, Outcome::kDelivered)) + " of " + std::to_string(one.sent) + " delivered";
    for (const auto& [name, outcome] : kOutcomeNames)
      if (outcome != Outcome::kDelivered && count(one, outcome) > 0)
        text += ", " + std::to_string(count(one, outcome)) + " " + name;
    if (one.replaced > 0) text += ", " + std::to_string(one.replaced) + " listed again";
    if (one.forgone > 0) text += ", " + std::to_string(one.forgone) + " written off";
    if (one.about != stream.name) text += " of stream " + one.about;
    text += one.receipt == nullptr ? "; no receipt"
                                   : "; " + utc_text(one.receipt->receipt.head.made * 1'000'000'000);
    console.row(shown(one.node), text);
  }
  for (const Waiting& one : kept) {
    std::string who;
    for (const std::string& each : one.unconfirmed) who += (who.empty() ? "" : ", ") + each;
    console.row(std::to_string(one.number.second),
                shown(one.source->entry.source) +
                    (one.is_for_nobody ? "  kept for a time: nobody is named who confirms it"
                     : who.empty()     ? "  confirmed"
                                       : "  not confirmed: " + who) +
                    ", since " + utc_text(one.source->made * 1'000'000'000));
  }
  for (const std::string& why : view.refused) console.row("refused", shown(why));
  for (const std::string& why : view.forked)
    console.row("forked", shown(why) + ": " + std::string(kForkedReceiver));
  return is_complete ? PAXECT_PLUGIN_OK : PAXECT_PLUGIN_INCOMPLETE;
}

}  // namespace paxect::link
