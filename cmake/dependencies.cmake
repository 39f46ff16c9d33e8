# The libraries that we build on; the README says why each. All come from the distribution.
find_package(PkgConfig REQUIRED)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd>=1.5)
pkg_check_modules(LIBDEFLATE REQUIRED IMPORTED_TARGET libdeflate)
pkg_check_modules(LIBCRYPTO REQUIRED IMPORTED_TARGET libcrypto>=3.0)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(RAPIDJSON REQUIRED IMPORTED_TARGET RapidJSON)
pkg_check_modules(PROMETHEUS REQUIRED IMPORTED_TARGET prometheus-cpp-core)
find_path(VALIJSON_INCLUDE_DIR valijson/validator.hpp REQUIRED)  # header only, on the compiler's own path
pkg_check_modules(SYSTEMD REQUIRED IMPORTED_TARGET libsystemd>=246)
find_package(Boost 1.74 REQUIRED COMPONENTS program_options filesystem)
find_package(Threads REQUIRED)
