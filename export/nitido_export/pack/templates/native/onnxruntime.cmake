# Finds ONNX Runtime: ONNXRUNTIME_INCLUDE and ONNXRUNTIME_LIBRARY. ONNXRUNTIME_HEADER: the header to look for.

set(ONNXRUNTIME_ROOT "" CACHE PATH "Folder with ONNX Runtime's include/ and lib/; empty: where the system keeps it")

set(include_places include include/onnxruntime include/onnxruntime/core/session onnxruntime onnxruntime/core/session)
if(ONNXRUNTIME_ROOT)
  # Only there: headers of one release with the library of another would be hard to notice.
  set(where PATHS "${ONNXRUNTIME_ROOT}" NO_DEFAULT_PATH NO_CMAKE_FIND_ROOT_PATH)
endif()
find_path(ONNXRUNTIME_INCLUDE ${ONNXRUNTIME_HEADER} ${where} PATH_SUFFIXES ${include_places})
find_library(ONNXRUNTIME_LIBRARY onnxruntime ${where} PATH_SUFFIXES lib lib64)

foreach(part INCLUDE LIBRARY)
  if(NOT ONNXRUNTIME_${part})
    message(FATAL_ERROR
      "ONNX Runtime not found (${part}): expected ${ONNXRUNTIME_HEADER} and the onnxruntime library under "
      "'${ONNXRUNTIME_ROOT}'. Give -DONNXRUNTIME_ROOT=FOLDER, a folder with include/ and lib/.")
  endif()
endforeach()
