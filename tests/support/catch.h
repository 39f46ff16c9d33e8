// Catch2 for every test, of either major version: 3 is a library with a header for each part, 2 a single
// header. What the tests use is spelled alike in both, but for what stands here. CMake looks for them in the
// same order.
#pragma once

#if __has_include(<catch2/catch_test_macros.hpp>)
#include <catch2/catch_approx.hpp>
#include <catch2/catch_message.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/catch_tostring.hpp>
#include <catch2/generators/catch_generators.hpp>

using Catch::Approx;  // 2 does so itself
#else
#include <catch2/catch.hpp>
#endif
