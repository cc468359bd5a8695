# assay_options: what every target of the project is compiled with.
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

find_program(ASSAY_CCACHE ccache)
if(ASSAY_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${ASSAY_CCACHE})
endif()

add_library(assay_options INTERFACE)
if(ASSAY_JOIN AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # By itself g++ looks for garbage again and again while it compiles joined sources; with up to a GiB of
  # memory it need not. And it takes each of them for a header, where unnamed namespaces are mistakes.
  target_compile_options(assay_options INTERFACE $<BUILD_INTERFACE:--param=ggc-min-expand=300>
    $<BUILD_INTERFACE:--param=ggc-min-heapsize=262144> $<BUILD_INTERFACE:-Wno-subobject-linkage>)
endif()
target_compile_features(assay_options INTERFACE cxx_std_20)
# No contraction anywhere: a*b+c must give the same bits on every target.
target_compile_options(assay_options INTERFACE -ffp-contract=off)
# Warnings are ours; a project that uses the installed libraries has its own.
target_compile_options(assay_options INTERFACE
  $<BUILD_INTERFACE:-Wall> $<BUILD_INTERFACE:-Wextra> $<BUILD_INTERFACE:-Wshadow>
  $<BUILD_INTERFACE:-Wnon-virtual-dtor>
  # At -O3 g++ 12 takes the destructor of a std::variant for a use of what is not set.
  $<BUILD_INTERFACE:$<$<AND:$<CXX_COMPILER_ID:GNU>,$<CONFIG:Release>>:-Wno-maybe-uninitialized>>
  $<BUILD_INTERFACE:$<$<BOOL:${ASSAY_WARNINGS_AS_ERRORS}>:-Werror>>)
target_include_directories(assay_options INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
set_target_properties(assay_options PROPERTIES EXPORT_NAME options)

if(ASSAY_SANITIZE STREQUAL "address")
  set(ASSAY_SANITIZE_FLAGS -fsanitize=address,undefined -fno-sanitize-recover=all
      -fno-omit-frame-pointer)
elseif(ASSAY_SANITIZE STREQUAL "thread")
  set(ASSAY_SANITIZE_FLAGS -fsanitize=thread -fno-omit-frame-pointer)
elseif(NOT ASSAY_SANITIZE STREQUAL "")
  message(FATAL_ERROR "ASSAY_SANITIZE=${ASSAY_SANITIZE} (must be empty, address or thread)")
endif()
target_compile_options(assay_options INTERFACE ${ASSAY_SANITIZE_FLAGS})
if(ASSAY_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Instrumented code hides from g++ 12 which member of a std::variant is alive.
  target_compile_options(assay_options INTERFACE -Wno-maybe-uninitialized)
endif()
target_link_options(assay_options INTERFACE ${ASSAY_SANITIZE_FLAGS})

# assay_add_library(<folder> SOURCES ... [PUBLIC ...] [PRIVATE ...]): library assay_<folder>,
# alias assay::<folder>. It is installed (AssayInstall.cmake), unless it lies in tests or bench.
function(assay_add_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(assay_${name} STATIC ${ARG_SOURCES})
  add_library(assay::${name} ALIAS assay_${name})
  target_link_libraries(assay_${name} PUBLIC assay_options ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
  set_target_properties(assay_${name} PROPERTIES EXPORT_NAME ${name})
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  if(NOT folder MATCHES "^(tests|bench)(/|$)")
    set_property(GLOBAL APPEND PROPERTY ASSAY_LIBRARIES assay_${name})
  endif()
endfunction()

# assay_join_sources(<target> [APART <source>...]): with ASSAY_JOIN, compiles the target's sources
# together, up to eight of a folder, whose headers are then read once. Names of unnamed namespaces must
# differ within the target's sources of a folder, but for those that stay apart; and what a source forgot
# to include may be there all the same: builds without the option find that.
function(assay_join_sources target)
  cmake_parse_arguments(ARG "" "" "APART" ${ARGN})
  if(NOT ASSAY_JOIN)
    return()
  endif()
  set_source_files_properties(${ARG_APART} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  get_target_property(sources ${target} SOURCES)
  list(REMOVE_ITEM sources ${ARG_APART})
  set(folders)
  foreach(source ${sources})
    cmake_path(ABSOLUTE_PATH source)
    cmake_path(GET source PARENT_PATH folder)
    cmake_path(GET folder FILENAME folder)
    if(NOT folder IN_LIST folders)
      list(APPEND folders ${folder})
      set(count_of_${folder} 0)
    endif()
    math(EXPR batch "${count_of_${folder}} / 8")
    math(EXPR count_of_${folder} "${count_of_${folder}} + 1")
    set_source_files_properties(${source} TARGET_DIRECTORY ${target}
      PROPERTIES UNITY_GROUP ${folder}_${batch})
  endforeach()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
endfunction()

# assay_precompile(<target> <header>...): with ASSAY_JOIN, what many of a library's sources include is
# compiled once.
function(assay_precompile target)
  if(ASSAY_JOIN)
    target_precompile_headers(${target} PRIVATE ${ARGN})
  endif()
endfunction()

# assay_add_program(<name> SOURCES ... LIBRARIES ...): a program for users, at build/<preset>/bin/<name>
# and installed.
function(assay_add_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE assay_options ${ARG_LIBRARIES})
  assay_join_sources(${name})
  # Libraries beside the program's folder count, theirs too (hence no new tags): scripts/bundle.
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin
    BUILD_RPATH "$ORIGIN/../lib"
    INSTALL_RPATH "$ORIGIN/../lib")
  target_link_options(${name} PRIVATE -Wl,--disable-new-dtags)
  install(TARGETS ${name} RUNTIME)
endfunction()

# assay_add_test(<name> [THREADS] [COMPUTES] [UNSANITIZED <filter>] SOURCES ... LIBRARIES ...): one
# GoogleTest program, its tests known to ctest. THREADS marks a program whose tests make threads: those,
# and only those, are built (by the target assay_thread_tests) and run (ctest -L threads) under
# ThreadSanitizer too. COMPUTES: its own sources do much work, and are optimised as those of libraries
# are; the sources of other tests get ASSAY_TEST_OPTIONS. Tests of the filter are not run under
# sanitizers: they say nothing there that others do not.
add_custom_target(assay_thread_tests)
# Linked last, so that its options come behind those of assay_options.
add_library(assay_test_options INTERFACE)
target_compile_options(assay_test_options INTERFACE ${ASSAY_TEST_OPTIONS})
function(assay_add_test name)
  cmake_parse_arguments(ARG "THREADS;COMPUTES" "UNSANITIZED" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE assay_options ${ARG_LIBRARIES} GTest::gmock GTest::gtest_main)
  if(NOT ARG_COMPUTES)
    target_link_libraries(${name} PRIVATE assay_test_options)
  endif()
  assay_join_sources(${name})
  # Only sources that mention ASSAY_SOURCE_DIR get it: a path in every command would keep clones from
  # sharing what ccache holds. (Configure again when a source begins to mention it.)
  foreach(source ${ARG_SOURCES})
    file(STRINGS ${source} mentions REGEX ASSAY_SOURCE_DIR LIMIT_COUNT 1)
    if(mentions)
      set_property(SOURCE ${source} APPEND PROPERTY
        COMPILE_DEFINITIONS ASSAY_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    endif()
  endforeach()
  set(seconds 600)
  if(ASSAY_SANITIZE)
    set(seconds 1200)
  endif()
  set(properties TIMEOUT ${seconds})
  if(ARG_THREADS)
    list(APPEND properties LABELS threads)
    add_dependencies(assay_thread_tests ${name})
  endif()
  set(filter)
  if(ARG_UNSANITIZED)
    gtest_discover_tests(${name} TEST_FILTER ${ARG_UNSANITIZED} TEST_LIST ${name}_unsanitized
                         DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
                         PROPERTIES ${properties} LABELS no_sanitizer)
    set(filter TEST_FILTER -${ARG_UNSANITIZED})
  endif()
  gtest_discover_tests(${name} ${filter} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
                       PROPERTIES ${properties})
endfunction()
