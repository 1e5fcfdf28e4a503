# Stands in for Slicer_EXTENSION_CPACK: refuses to pack without the files that go with every package.
foreach(name README_FILE LICENSE_FILE)
  if(NOT EXISTS "${EXTENSION_${name}}")
    message(FATAL_ERROR "EXTENSION_${name} points to a file that does not exist: ${EXTENSION_${name}}")
  endif()
endforeach()
