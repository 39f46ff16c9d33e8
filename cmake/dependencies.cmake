# The libraries that PAXECT uses, all from the distribution. CONTRIBUTING.md gives the reason for each.
find_package(PkgConfig REQUIRED)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd>=1.5)
pkg_check_modules(LIBDEFLATE REQUIRED IMPORTED_TARGET libdeflate)
pkg_check_modules(LIBCRYPTO REQUIRED IMPORTED_TARGET libcrypto>=3.0)
pkg_check_modules(LIBSSL REQUIRED IMPORTED_TARGET libssl>=3.0)
# Not on every processor that Debian supports: protect/galois.cc has a loop of its own for the others.
pkg_check_modules(ISAL IMPORTED_TARGET libisal)
pkg_check_modules(RAPIDJSON REQUIRED IMPORTED_TARGET RapidJSON)
# With an allocator that reports when memory runs out.
add_library(paxect_json INTERFACE)
target_include_directories(paxect_json INTERFACE "${CMAKE_CURRENT_LIST_DIR}/rapidjson")
target_link_libraries(paxect_json INTERFACE PkgConfig::RAPIDJSON)
find_package(Threads REQUIRED)
find_package(Boost 1.74 REQUIRED COMPONENTS program_options)
if(NOT PAXECT_BUILD_ONLY STREQUAL "core")
  pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
  pkg_check_modules(PROMETHEUS REQUIRED IMPORTED_TARGET prometheus-cpp-core)
  pkg_check_modules(HTTPLIB REQUIRED IMPORTED_TARGET cpp-httplib)
  # By pkg-config: the CMake package of libnats-dev 3.4.1 names a file that it does not have.
  pkg_check_modules(NATS REQUIRED IMPORTED_TARGET libnats>=3.4)
  find_package(Boost 1.74 REQUIRED COMPONENTS filesystem)
endif()
