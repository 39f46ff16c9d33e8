// main() of every test program. Our own rather than Catch2's, which the two versions bring in different ways.
#define CATCH_CONFIG_RUNNER
#include "support/catch.h"
#if __has_include(<catch2/catch_session.hpp>)
#include <catch2/catch_session.hpp>
#endif

int main(int argc, char** argv) { return Catch::Session().run(argc, argv); }
