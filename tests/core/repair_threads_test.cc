// A repair by several threads: the same container, the same report, and the same failure for any number of
// them.
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "repairing.h"
#include "salvaging.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/memory_file.h"

namespace paxect::test {
namespace {

struct Ended {
  paxect_status status = PAXECT_OK;
  std::string message;
  std::string container;
  paxect_repair_report report{};
  std::vector<paxect_repair_window> windows;
};

std::int32_t add_window(void* windows, const paxect_repair_window* window) {
  static_cast<std::vector<paxect_repair_window>*>(windows)->push_back(*window);
  return 0;
}

Ended end_of(const Repairer& repairer, paxect_status status) {
  Ended ended;
  ended.status = status;
  ended.message = paxect_repairer_error_message(repairer.get());
  ended.report.struct_size = sizeof ended.report;
  REQUIRE(paxect_repairer_report(repairer.get(), &ended.report) == PAXECT_OK);
  REQUIRE(paxect_repairer_each_window(repairer.get(), add_window, &ended.windows) == PAXECT_OK);
  return ended;
}

Ended repair_with(int threads, const std::vector<std::string>& copies) {
  Repairer repairer = make_repairer({{PAXECT_PARAM_THREADS, threads}});
  std::vector<std::unique_ptr<MemoryFile>> files;
  files.reserve(copies.size());
  for (const std::string& copy : copies) {
    files.push_back(std::make_unique<MemoryFile>(copy));
    REQUIRE(paxect_repairer_add_fd(repairer.get(), files.back()->fd(), "copy") == PAXECT_OK);
  }
  std::string container;
  REQUIRE(paxect_repairer_set_sink(repairer.get(), append, &container) == PAXECT_OK);
  Ended ended = end_of(repairer, paxect_repairer_run(repairer.get()));
  ended.container = std::move(container);
  return ended;
}

void check_same(const Ended& one, const Ended& other) {
  CHECK(one.status == other.status);
  CHECK(one.message == other.message);
  CHECK((one.container == other.container));
  CHECK(std::memcmp(&one.report, &other.report, sizeof one.report) == 0);
  REQUIRE(one.windows.size() == other.windows.size());
  for (std::size_t i = 0; i < one.windows.size(); ++i)
    CHECK(std::memcmp(&one.windows[i], &other.windows[i], sizeof one.windows[i]) == 0);
}

constexpr std::size_t kPiece = (16 << 20) * 6 / 100;

// Of three windows.
const std::string& container_of_windows() {
  static const std::string container =
      encode(noise(34 << 20, 31),
             {{PAXECT_PARAM_PROTECT, 6}, {PAXECT_PARAM_LEVEL, -7}, {PAXECT_PARAM_FRAME_SIZE, 1 << 20}});
  return container;
}

}  // namespace

TEST_CASE("repair: result and report of several windows are those of one thread") {
  const std::string& container = container_of_windows();
  std::string pieces = zeroed(container, 0, kPiece);
  pieces = zeroed(pieces, 20 << 20, kPiece);
  pieces = zeroed(pieces, pieces.size() - 100, 100);
  // Each of these is found by a search, which uses up what the windows share.
  std::string moved = container;
  constexpr std::size_t kPlaces[] = {35, 34, 20, 19, 9, 8, 2, 1};
  for (const std::size_t at : kPlaces) moved.insert((at << 20) - 777, "moved");
  std::string lacking = zeroed(container, 5 << 20, 4 * kPiece);
  lacking = zeroed(lacking, 25 << 20, kPiece / 2);
  const std::vector<std::vector<std::string>> cases = {{pieces, moved}, {moved}, {lacking}};
  for (const std::vector<std::string>& copies : cases) {
    INFO("case " << &copies - cases.data());
    const Ended one = repair_with(1, copies);
    const bool is_lost = &copies == &cases.back();
    CHECK(one.status == (is_lost ? PAXECT_ERROR_DAMAGED : PAXECT_OK));
    if (!is_lost) CHECK((one.container == container));
    for (const int threads : {2, 8}) {
      INFO(threads << " threads");
      check_same(repair_with(threads, copies), one);
    }
  }
}

TEST_CASE("repair: a job of several threads that is cancelled leaves a handle that repairs") {
  const std::string& container = container_of_windows();
  const std::string damaged = zeroed(container, 20 << 20, kPiece);
  const MemoryFile file(damaged);
  for (const int threads : {1, 4}) {
    struct Count {
      int calls = 0;
      int stop_at = 0;
      static std::int32_t ask(void* self, std::uint64_t, std::uint64_t) {
        auto& count = *static_cast<Count*>(self);
        return ++count.calls == count.stop_at ? 1 : 0;
      }
    } count;
    Repairer repairer = make_repairer({{PAXECT_PARAM_THREADS, threads}});
    REQUIRE(paxect_repairer_add_fd(repairer.get(), file.fd(), "copy") == PAXECT_OK);
    REQUIRE(paxect_repairer_set_progress(repairer.get(), Count::ask, &count) == PAXECT_OK);
    // A call for each MiB that is read in the scan and then written, at least.
    for (const int at : {1, 30, 50}) {
      INFO(threads << " threads, at call " << at);
      count = {.calls = 0, .stop_at = at};
      CHECK(paxect_repairer_check(repairer.get()) == PAXECT_ERROR_CANCELLED);
      CHECK(count.calls == at);
    }
    count = {};
    const Ended ended = end_of(repairer, paxect_repairer_check(repairer.get()));
    CHECK(ended.status == PAXECT_OK);
    CHECK(ended.windows.size() == 1);
  }
}

}  // namespace paxect::test
