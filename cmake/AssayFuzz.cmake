# assay_add_fuzzer(<name> [SOURCES ...] [LIBRARIES ...])
#
# One fuzz target: LLVMFuzzerTestOneInput in <name>_fuzz.cc (or SOURCES), its corpus in
# tests/fuzz/corpus/<name>/. With ASSAY_BUILD_FUZZERS (clang) it is a libFuzzer program; else it is
# a test program that runs the corpus and a fixed number of seeded mutations of it.
# The target assay_fuzzers builds them all.
add_custom_target(assay_fuzzers)

if(ASSAY_BUILD_FUZZERS)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "ASSAY_BUILD_FUZZERS=ON needs clang: install it with "
                        "`apt-get install clang-14 libclang-rt-14-dev`, then `cmake --preset fuzz`")
  endif()
  # Coverage feedback in every library, libFuzzer's main only in the fuzz programs.
  target_compile_options(assay_options INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(assay_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

function(assay_add_fuzzer name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBRARIES" ${ARGN})
  set(corpus ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
  if(NOT IS_DIRECTORY ${corpus})
    message(FATAL_ERROR "fuzz target ${name}: no corpus folder tests/fuzz/corpus/${name}")
  endif()
  if(NOT ARG_SOURCES)
    set(ARG_SOURCES ${name}_fuzz.cc)
  endif()
  set(target ${name}_fuzz)
  add_executable(${target} ${ARG_SOURCES})
  target_link_libraries(${target} PRIVATE assay_options ${ARG_LIBRARIES})
  if(ASSAY_BUILD_FUZZERS)
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
  else()
    target_link_libraries(${target} PRIVATE assay_corpus_runner)
    add_test(NAME fuzz.${name} COMMAND ${target} ${corpus})
    set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz TIMEOUT 300)
  endif()
  set_target_properties(${target} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
  add_dependencies(assay_fuzzers ${target})
endfunction()
