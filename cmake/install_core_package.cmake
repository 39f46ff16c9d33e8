# Installs a CMake package and a pkg-config file for libpaxect_core, both relocatable.
include(CMakePackageConfigHelpers)
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/paxect_core")
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/paxect_core-config.cmake.in"
  "${PROJECT_BINARY_DIR}/paxect_core-config.cmake" INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/paxect_core-config-version.cmake"
  COMPATIBILITY SameMajorVersion)
install(EXPORT paxect_core FILE paxect_core-targets.cmake NAMESPACE paxect:: DESTINATION "${package_dir}"
  COMPONENT development)
install(FILES "${PROJECT_BINARY_DIR}/paxect_core-config.cmake"
  "${PROJECT_BINARY_DIR}/paxect_core-config-version.cmake" DESTINATION "${package_dir}"
  COMPONENT development)

string(REGEX REPLACE "[^/]+" ".." PAXECT_PREFIX_FROM_PC "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
configure_file("${PROJECT_SOURCE_DIR}/cmake/paxect_core.pc.in" "${PROJECT_BINARY_DIR}/paxect_core.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/paxect_core.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig"
  COMPONENT development)
