# s390x, which is big-endian, built on another machine: see foreign.cmake.
set(CMAKE_SYSTEM_PROCESSOR s390x)
include("${CMAKE_CURRENT_LIST_DIR}/foreign.cmake")
