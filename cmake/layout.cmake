# Where everything goes, in the build tree as in the install prefix, so that the relative paths between
# binaries, library and plugins are the same in both: bin/, lib/, lib/paxect/plugins/.
# lib/ also where Debian's multiarch default would differ: a prefix of ours holds one architecture.
set(default_libdir lib)
if(PAXECT_DEBIAN)
  set(default_libdir "lib/${CMAKE_LIBRARY_ARCHITECTURE}")
endif()
set(CMAKE_INSTALL_LIBDIR "${default_libdir}" CACHE PATH "Library directory below the prefix")
include(GNUInstallDirs)

set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")
set(PAXECT_PLUGIN_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib/paxect/plugins")
set(PAXECT_PLUGIN_INSTALL_DIR lib/paxect/plugins) # where the host looks from its own place

# One relative RPATH for both trees; nothing is relinked on install.
set(CMAKE_BUILD_WITH_INSTALL_RPATH ON)
set(PAXECT_BIN_RPATH "$ORIGIN/../lib")
set(PAXECT_PLUGIN_RPATH "$ORIGIN/../..")
if(PAXECT_DEBIAN) # the library is where the dynamic linker looks by itself
  set(PAXECT_BIN_RPATH "")
  set(PAXECT_PLUGIN_RPATH "")
endif()

# Whatever the umask: the host loads no plugin from a directory that a group can write.
set(CMAKE_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

# What is installed belongs to one of three components, each a Debian package: `library`, `development` and, for all
# that names none, `programs`.
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME programs)
