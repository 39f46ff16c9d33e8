# CPack runs this between installing and packing. finish.sh adds the files that a package has in addition to the
# installed ones; its control files are registered with CPack.
foreach(component IN LISTS CPACK_COMPONENTS_ALL)
  string(TOUPPER "${component}" upper)
  set(name "${CPACK_DEBIAN_${upper}_PACKAGE_NAME}")
  set(staged "${CPACK_TEMPORARY_DIRECTORY}/${component}")
  set(control "${CPACK_PAXECT_BINARY_DIR}/control/${component}")
  execute_process(COMMAND sh "${CMAKE_CURRENT_LIST_DIR}/finish.sh" "${name}" "${staged}" "${control}"
      "${CPACK_PAXECT_SOURCE_DIR}" "${CPACK_PAXECT_BINARY_DIR}"
    COMMAND_ERROR_IS_FATAL ANY)
  file(GLOB made "${control}/*")
  list(APPEND CPACK_DEBIAN_${upper}_PACKAGE_CONTROL_EXTRA ${made})
endforeach()
