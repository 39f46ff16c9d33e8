// A report that CI systems read: the XML of JUnit, one suite.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace paxect::link {

struct TestCase {
  std::string name;
  std::string failure{};  // one line; "" when it passed
  std::string detail{};   // more lines about the failure, or ""
  std::uint64_t nanoseconds = 0;

  bool passed() const { return failure.empty(); }
};

struct TestSuite {
  std::string name;
  std::string node{};
  std::int64_t realtime_ns = 0;  // when it began
  std::vector<TestCase> cases{};
};

std::string junit_text(const TestSuite& suite);

// Any bytes as XML text, for content and for values in double quotes. What XML cannot hold, not even as a
// reference, is written as \xHH.
std::string xml_text(std::string_view bytes);

}  // namespace paxect::link
