# Builds Debian packages with CPack: libpaxect-core1, libpaxect-core-dev, paxect and paxect-carrier from the
# components library, development, programs and carrier. build.sh runs it; README.md gives the rationale.
file(STRINGS "${CMAKE_CURRENT_LIST_DIR}/changelog" newest LIMIT_COUNT 1)
if(NOT newest MATCHES "^paxect \\(([0-9.]+)-([^)]+)\\)" OR NOT CMAKE_MATCH_1 STREQUAL PROJECT_VERSION)
  message(FATAL_ERROR "cmake/packaging/changelog begins with '${newest}', but this is version ${PROJECT_VERSION}")
endif()
set(CPACK_DEBIAN_PACKAGE_RELEASE "${CMAKE_MATCH_2}")
file(STRINGS "${CMAKE_CURRENT_LIST_DIR}/changelog" maintainer REGEX "^ -- " LIMIT_COUNT 1)
string(REGEX REPLACE "^ -- (.*>)  .*" "\\1" CPACK_DEBIAN_PACKAGE_MAINTAINER "${maintainer}")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME paxect)
set(CPACK_PACKAGE_VERSION "${PROJECT_VERSION}")
set(CPACK_PACKAGE_DIRECTORY "${PROJECT_BINARY_DIR}/packages")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "") # the first line of each package's description
set(CPACK_VERBATIM_VARIABLES ON)
# The last one has the bill of materials, with the digests of all others as they are packed.
set(CPACK_COMPONENTS_ALL library development carrier programs)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_SET_DESTDIR ON) # because /etc is outside the prefix
set(CPACK_STRIP_FILES ON)
set(CPACK_PRE_BUILD_SCRIPTS "${CMAKE_CURRENT_LIST_DIR}/finish.cmake")
# For finish.cmake.
set(CPACK_PAXECT_SOURCE_DIR "${PROJECT_SOURCE_DIR}")
set(CPACK_PAXECT_BINARY_DIR "${PROJECT_BINARY_DIR}")

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SOURCE paxect)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${CMAKE_LIBRARY_OUTPUT_DIRECTORY}")

set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME "libpaxect-core${PROJECT_VERSION_MAJOR}")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA
  "${CMAKE_CURRENT_LIST_DIR}/library/shlibs" "${CMAKE_CURRENT_LIST_DIR}/library/symbols"
  "${CMAKE_CURRENT_LIST_DIR}/library/triggers")
set(CPACK_COMPONENT_LIBRARY_DESCRIPTION "containers of verified, compressed data (library)
libpaxect_core makes, checks and reads .freq containers: zstd frames, each
with a CRC-32, and a SHA-256 of all the data. Programs can read parts of a
container, compare it without decoding, and salvage a damaged one.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libpaxect-core-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
  "libpaxect-core${PROJECT_VERSION_MAJOR} (= ${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE})")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION "containers of verified, compressed data (development files)
Header, CMake package, pkg-config file and manual of libpaxect_core, and the
header for plugins of paxect.")

set(CPACK_DEBIAN_PROGRAMS_PACKAGE_NAME paxect)
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_DEPENDS "libpaxect-core${PROJECT_VERSION_MAJOR} (>= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_RECOMMENDS systemd) # creates the user of the service; paxect itself does not need it
set(CPACK_COMPONENT_PROGRAMS_DESCRIPTION "verified, durable, offline file exchange
paxect relays files between machines over shared folders, USB sticks and
one-way links. It delivers each file completely, verified and once, or records
the reason why not. paxect-core makes and reads the containers.")

set(CPACK_DEBIAN_CARRIER_PACKAGE_NAME paxect-carrier)
set(CPACK_DEBIAN_CARRIER_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_CARRIER_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_CARRIER_PACKAGE_DEPENDS "paxect (= ${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE})")
set(CPACK_COMPONENT_CARRIER_DESCRIPTION "verified, durable, offline file exchange (carrier)
The plugin carrier connects relays of paxect on different machines over NATS
JetStream. It needs a server, such as that of the package nats-server.")

include(CPack)
