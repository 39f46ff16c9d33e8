#include "relay/delivery_events.h"

#include "base/relay_paths.h"

namespace paxect::link {
namespace {

// As route_of() sent it.
std::string_view event_of(const Intent& intent) {
  if (!intent.container) return "decode";
  return is_container(base_name(intent.source)) ? "forward" : "encode";
}

Event repaired_event(const SourceRepair& repair, const DeliveryOutcome& outcome) {
  return {.level = Level::kWarn,
          .name = "repaired",
          .source = outcome.source,
          .target = outcome.target,
          .status = "ok",
          .message = repair.damaged == 0 ? "the container was damaged outside of its " +
                                               std::to_string(repair.cells) + " cells"
                                         : "the container was damaged: " + std::to_string(repair.damaged) +
                                               " of " + std::to_string(repair.cells) + " cells",
          .numbers = {{"cells", repair.damaged}},
          .advice = "copy what else is on its medium while it can be read"};
}

}  // namespace

std::vector<Event> delivery_events(const Intent& intent, const DeliveryOutcome& outcome,
                                   const std::string& relay_token, const Receiver& receiver) {
  Event delivery{.name = std::string(event_of(intent)),
                 .source = outcome.source,
                 .target = outcome.target,
                 .status = "ok",
                 .message = "sha256=" + intent.digest,
                 .texts = {{"relay", std::string(short_token_of(relay_token))}}};
  if (intent.sizes)
    delivery.numbers = {{"bytes", intent.sizes->data}, {"container_bytes", intent.sizes->container}};
  delivery.numbers.emplace_back("id", intent.id);
  receiver.describe(intent, &delivery);
  if (outcome.published == Published::kDuplicate) delivery.name = "duplicate";

  std::vector<Event> events;
  events.reserve(3);
  if (intent.repair) events.push_back(repaired_event(*intent.repair, outcome));
  if (outcome.published == Published::kConflict) {
    Event conflict = delivery;
    conflict.level = Level::kWarn;
    conflict.name = "name_conflict";
    conflict.message = intent.name + " is taken: delivered as " + std::string(base_name(outcome.target));
    events.push_back(std::move(conflict));
  }
  events.push_back(std::move(delivery));
  return events;
}

}  // namespace paxect::link
