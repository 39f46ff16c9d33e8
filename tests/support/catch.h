// Catch2 for every test, of either major version: 3 is a library with a header for each part, 2 a single
// header. The tests use only what both versions spell alike; the differences are in this file. CMake prefers
// version 3, too.
#pragma once

#if __has_include(<catch2/catch_test_macros.hpp>)
#include <catch2/catch_approx.hpp>
#include <catch2/catch_message.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/catch_tostring.hpp>
#include <catch2/generators/catch_generators.hpp>

using Catch::Approx;  // version 2 declares it globally
#else
#include <catch2/catch.hpp>
#endif
