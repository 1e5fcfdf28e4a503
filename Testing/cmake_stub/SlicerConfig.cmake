# A stand-in for an installed Slicer, so that plain CMake can configure the extension in a test:
#
#   cmake -S . -B build -DSlicer_DIR=Testing/cmake_stub
#
# It knows the names that the extension uses, refuses what Slicer refuses, and writes down what would be shipped and
# tested (build/shipped.txt, build/tests.txt, build/extension.txt).
set(Slicer_FOUND TRUE)
set(Slicer_USE_FILE "${CMAKE_CURRENT_LIST_DIR}/UseSlicer.cmake")
set(Slicer_EXTENSION_GENERATE_CONFIG "${CMAKE_CURRENT_LIST_DIR}/Written.cmake")
set(Slicer_EXTENSION_CPACK "${CMAKE_CURRENT_LIST_DIR}/Packed.cmake")
set(Slicer_LICENSE_FILE "Slicer's own licence")
set(Slicer_README_FILE "Slicer's own readme")
