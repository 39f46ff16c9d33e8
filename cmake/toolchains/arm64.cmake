# arm64, built on another machine: see foreign.cmake.
set(CMAKE_SYSTEM_PROCESSOR aarch64)
include("${CMAKE_CURRENT_LIST_DIR}/foreign.cmake")
