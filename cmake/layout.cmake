# The layout of the build tree and of the install prefix: bin/, lib/, lib/paxect/plugins/. It is the same in both, so that
# the relative paths between binaries, library and plugins are too. The library directory is lib/ instead of Debian's
# multiarch directory, except in Debian packages: a prefix contains one architecture.
set(default_libdir lib)
if(PAXECT_DEBIAN)
  set(default_libdir "lib/${CMAKE_LIBRARY_ARCHITECTURE}")
endif()
set(CMAKE_INSTALL_LIBDIR "${default_libdir}" CACHE PATH "Library directory below the prefix")
include(GNUInstallDirs)

set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")
set(PAXECT_PLUGIN_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib/paxect/plugins")
set(PAXECT_PLUGIN_INSTALL_DIR lib/paxect/plugins) # relative to the host's own location

# One relative RPATH for both trees, so that installing does not relink.
set(CMAKE_BUILD_WITH_INSTALL_RPATH ON)
set(PAXECT_BIN_RPATH "$ORIGIN/../lib")
set(PAXECT_PLUGIN_RPATH "$ORIGIN/../..")
if(PAXECT_DEBIAN) # the dynamic linker finds the library without one
  set(PAXECT_BIN_RPATH "")
  set(PAXECT_PLUGIN_RPATH "")
endif()

# Independent of the umask, because the host loads no plugin from a directory that a group can write to.
set(CMAKE_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

# Installed files belong to one of four components, each a Debian package: `library`, `development`, `carrier` and, by
# default, `programs`.
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME programs)
