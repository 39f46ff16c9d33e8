# Builds man pages from scdoc sources, and installs them, shell completions and documents. Without scdoc it builds no man pages.
find_program(SCDOC scdoc)
if(NOT SCDOC)
  message(STATUS "scdoc not found: the man pages are not built")
endif()

set(PAXECT_ZSH_COMPLETION_DIR "${CMAKE_INSTALL_DATADIR}/zsh/site-functions")
if(PAXECT_DEBIAN)
  set(PAXECT_ZSH_COMPLETION_DIR "${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions")
endif()

# The pages carry the date of the newest changelog entry, so that builds on different days produce the same pages.
if(DEFINED ENV{SOURCE_DATE_EPOCH})
  set(PAXECT_DATE_EPOCH "$ENV{SOURCE_DATE_EPOCH}")
else()
  file(STRINGS "${PROJECT_SOURCE_DIR}/cmake/packaging/changelog" signature REGEX "^ -- " LIMIT_COUNT 1)
  string(REGEX REPLACE "^ -- .*>  " "" signature "${signature}")
  execute_process(COMMAND date -d "${signature}" +%s OUTPUT_VARIABLE PAXECT_DATE_EPOCH
    OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
endif()

# paxect_install_manual(COMPONENT PAGES...): builds man/PAGE.scd of this folder into man/ of the build tree and
# installs it.
function(paxect_install_manual component)
  if(NOT SCDOC)
    return()
  endif()
  set(built "")
  file(MAKE_DIRECTORY "${PROJECT_BINARY_DIR}/man")
  foreach(page ${ARGN})
    set(source "${CMAKE_CURRENT_SOURCE_DIR}/man/${page}.scd")
    set(target "${PROJECT_BINARY_DIR}/man/${page}")
    add_custom_command(OUTPUT "${target}" DEPENDS "${source}" VERBATIM
      COMMAND ${CMAKE_COMMAND} -E env SOURCE_DATE_EPOCH=${PAXECT_DATE_EPOCH}
        sh -c "\"$1\" <\"$2\" >\"$3\"" sh "${SCDOC}" "${source}" "${target}")
    list(APPEND built "${target}")
    string(REGEX REPLACE ".*\\." "" section "${page}")
    install(FILES "${target}" DESTINATION "${CMAKE_INSTALL_MANDIR}/man${section}" COMPONENT ${component})
  endforeach()
  string(MAKE_C_IDENTIFIER "manual_${CMAKE_CURRENT_SOURCE_DIR}_${component}" name)
  add_custom_target(${name} ALL DEPENDS ${built})
endfunction()

# paxect_install_documents(COMPONENT FILES...): installs documents of this folder below share/doc/paxect, in a folder of
# the same name as here, so that links from one to another stay valid.
function(paxect_install_documents component)
  file(RELATIVE_PATH folder "${PROJECT_SOURCE_DIR}" "${CMAKE_CURRENT_SOURCE_DIR}")
  install(FILES ${ARGN} DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/paxect/${folder}" COMPONENT ${component})
endfunction()

# paxect_install_completion(COMMAND): installs completion/COMMAND.bash and completion/_COMMAND of this folder.
function(paxect_install_completion command)
  install(FILES "completion/${command}.bash" RENAME "${command}"
    DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions")
  install(FILES "completion/_${command}" DESTINATION "${PAXECT_ZSH_COMPLETION_DIR}")
endfunction()
