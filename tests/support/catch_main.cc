// main() of every test program. That of Catch2 is included differently in its two versions.
#define CATCH_CONFIG_RUNNER
#include "support/catch.h"
#if __has_include(<catch2/catch_session.hpp>)
#include <catch2/catch_session.hpp>
#endif
#include "support/emulation.h"

int main(int argc, char** argv) {
  int status = Catch::Session().run(argc, argv);
  return status == 0 && paxect::test::was_skipped() ? paxect::test::kSkippedStatus : status;
}
