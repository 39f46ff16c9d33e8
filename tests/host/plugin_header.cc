// The same for C++, and plugin.hpp in the oldest standard that it supports.
#include "plugin_header.c"

#include <paxect/plugin.hpp>

namespace {

struct Subject {
  explicit Subject(const paxect::plugin::Host&) {}
  paxect_plugin_status init() { return PAXECT_PLUGIN_OK; }
  paxect_plugin_status start() { return PAXECT_PLUGIN_OK; }
  paxect_plugin_status step(paxect_step*) { return PAXECT_PLUGIN_OK; }
  void stop() {}
  const std::string& error() const { return text; }
  std::string text;
};

}  // namespace

extern const paxect_plugin_descriptor made_from_a_class;
// Without reload(): the subject of a plugin that does not offer it needs none.
constexpr paxect_plugin_descriptor made_from_a_class =
    paxect::plugin::Entry<Subject>::descriptor("subject", "1.0.0", "does nothing", nullptr);
