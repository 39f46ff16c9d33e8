#include "history.h"

#include <checked_json.h>

#include "support/catch.h"

using namespace paxect::panel;

namespace {

paxect::json::Document parsed(const History& history) {
  paxect::json::Document document;
  document.Parse(history.json().c_str());
  REQUIRE(document.IsObject());
  return document;
}

}  // namespace

TEST_CASE("A point is the mean rate and the highest age of its step") {
  History history;
  CHECK(parsed(history)["hour"].Size() == 0);
  history.add({.time_s = 1000,
               .files_per_second = 2,
               .bytes_per_second = 10,
               .waiting_files = 7,
               .oldest_seconds = 3});
  history.add({.time_s = 1009,
               .files_per_second = 4,
               .bytes_per_second = 30,
               .waiting_files = 5,
               .oldest_seconds = 9});
  history.add({.time_s = 1010, .files_per_second = 8});
  const auto document = parsed(history);
  REQUIRE(document["hour"].Size() == 2);
  const auto& first = document["hour"][0];
  CHECK(first[0].GetInt64() == 1000);
  CHECK(first[1].GetDouble() == 3);
  CHECK(first[2].GetDouble() == 20);
  CHECK(first[3].GetDouble() == 7);
  CHECK(first[4].GetDouble() == 9);
  CHECK(document["hour"][1][1].GetDouble() == 8);
  CHECK(document["day"].Size() == 1);
}

TEST_CASE("A week of reports keeps an hour and a day") {
  History history;
  for (std::int64_t time = 0; time < std::int64_t{7} * 24 * 3600; ++time) history.add({.time_s = time});
  const auto document = parsed(history);
  CHECK(document["hour"].Size() == 361);
  CHECK(document["day"].Size() == 361);
  CHECK(document["hour"][360][0].GetInt64() - document["hour"][0][0].GetInt64() == 3600);
  CHECK(document["day"][360][0].GetInt64() - document["day"][0][0].GetInt64() == 86400);
}

TEST_CASE("The latency of a step is its highest, and none is known while no file was delivered") {
  History history;
  history.add({.time_s = 1000});
  history.add({.time_s = 1010, .latency_seconds = 0.25});
  history.add({.time_s = 1011, .latency_seconds = 0.5});
  history.add({.time_s = 1012});
  const auto document = parsed(history);
  CHECK(document["hour"][0][5].IsNull());
  CHECK(document["hour"][1][5].GetDouble() == 0.5);
}
