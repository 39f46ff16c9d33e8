#include "commands/junit.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/printable.h"

namespace paxect::link {
namespace {

std::string attribute(std::string_view name, std::string_view value) {
  return " " + std::string(name) + "=\"" + xml_text(value) + "\"";
}

std::string summary_of(const TestSuite& suite) {
  std::size_t failures = 0;
  std::uint64_t nanoseconds = 0;
  for (const TestCase& each : suite.cases) {
    if (!each.passed()) ++failures;
    nanoseconds += each.nanoseconds;
  }
  return attribute("name", suite.name) + attribute("tests", std::to_string(suite.cases.size())) +
         attribute("failures", std::to_string(failures)) + attribute("errors", "0") +
         attribute("time", seconds_text(nanoseconds));
}

// "2026-11-22T14:00:00", as the report has it: UTC, without a zone.
std::string timestamp_of(std::int64_t realtime_ns) {
  std::string text = utc_text(realtime_ns);
  return text.substr(0, 10) + "T" + text.substr(11, 8);
}

std::string escaped_byte(char c) {
  auto byte = static_cast<std::uint8_t>(c);
  return "\\x" + hex(&byte, 1);
}

}  // namespace

std::string xml_text(std::string_view bytes) {
  constexpr std::string_view kNonCharacters = "\xef\xbf";  // U+FFFE and U+FFFF begin with this
  const std::string utf8 = printable(bytes);
  std::string text;
  for (std::size_t i = 0; i < utf8.size(); ++i) {
    char c = utf8[i];
    if (c == '&')
      text += "&amp;";
    else if (c == '<')
      text += "&lt;";
    else if (c == '>')
      text += "&gt;";
    else if (c == '"')
      text += "&quot;";
    else if (c == '\r')
      text += "&#13;";
    else if (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t')
      text += escaped_byte(c);
    else if (utf8.compare(i, 2, kNonCharacters) == 0 && static_cast<unsigned char>(utf8[i + 2]) >= 0xbe) {
      for (std::size_t end = i + 3; i < end; ++i) text += escaped_byte(utf8[i]);
      --i;
    } else {
      text += c;
    }
  }
  return text;
}

std::string junit_text(const TestSuite& suite) {
  std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites" + summary_of(suite) +
                     ">\n  <testsuite" + summary_of(suite) + attribute("skipped", "0") +
                     attribute("hostname", suite.node) +
                     attribute("timestamp", timestamp_of(suite.realtime_ns)) + ">\n";
  for (const TestCase& each : suite.cases) {
    text += "    <testcase" + attribute("classname", suite.name) + attribute("name", each.name) +
            attribute("time", seconds_text(each.nanoseconds));
    if (each.passed())
      text += "/>\n";
    else
      text += ">\n      <failure" + attribute("message", each.failure) + attribute("type", "failure") + ">" +
              xml_text(each.detail.empty() ? each.failure : each.detail) + "</failure>\n    </testcase>\n";
  }
  return text + "  </testsuite>\n</testsuites>\n";
}

}  // namespace paxect::link
