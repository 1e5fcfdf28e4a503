# Stands in for Slicer_EXTENSION_GENERATE_CONFIG: writes down what the extension says about itself.
file(WRITE "${CMAKE_BINARY_DIR}/extension.txt" "PROJECT=${PROJECT_NAME}\n")
foreach(name HOMEPAGE CONTRIBUTORS DESCRIPTION ICONURL SCREENSHOTURLS DEPENDS README_FILE LICENSE_FILE)
  file(APPEND "${CMAKE_BINARY_DIR}/extension.txt" "${name}=${EXTENSION_${name}}\n")
endforeach()
