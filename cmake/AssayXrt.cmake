# XRT, the runtime of AMD's accelerator cards. Only the device worker links it; without it the engine
# is the same and says that this build has no FPGA backend.
set(ASSAY_XRT AUTO CACHE STRING "Build the FPGA backend's device worker: AUTO (where XRT is installed), ON or OFF")
set_property(CACHE ASSAY_XRT PROPERTY STRINGS AUTO ON OFF)
if(NOT ASSAY_XRT MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "ASSAY_XRT=${ASSAY_XRT} (must be AUTO, ON or OFF)")
endif()

set(ASSAY_XRT_FOUND OFF)
set(ASSAY_XRT_SUMMARY "OFF, as asked for: no FPGA backend, and none of its tests")
# Why there is no emulated card in this build; empty where there is one.
set(ASSAY_XRT_MISSING "ASSAY_XRT is OFF")
if(NOT ASSAY_XRT STREQUAL "OFF")
  # Debian's libxrt-dev, or the vendor's package. (Debian's xrt.pc has a wrong prefix.)
  find_path(ASSAY_XRT_INCLUDE xrt/xrt_device.h PATH_SUFFIXES xrt PATHS /opt/xilinx/xrt/include)
  find_library(ASSAY_XRT_LIBRARY xrt_coreutil PATHS /opt/xilinx/xrt/lib)
  find_library(ASSAY_UUID_LIBRARY NAMES uuid libuuid.so.1)
  find_library(ASSAY_XRT_SWEMU_LIBRARY NAMES xrt_swemu libxrt_swemu.so.2 PATHS /opt/xilinx/xrt/lib)
  if(ASSAY_XRT_INCLUDE AND ASSAY_XRT_LIBRARY AND ASSAY_UUID_LIBRARY)
    set(ASSAY_XRT_FOUND ON)
    set(ASSAY_XRT_SUMMARY "${ASSAY_XRT_LIBRARY}")
    if(NOT ASSAY_XRT_SWEMU_LIBRARY)
      set(ASSAY_XRT_MISSING "libxrt_swemu.so.2 was not found (Debian: libxrt1, which libxrt-dev brings)")
    elseif(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|aarch64)$")
      set(ASSAY_XRT_MISSING "the emulation knows x86-64 and aarch64, not ${CMAKE_SYSTEM_PROCESSOR}")
    else()
      set(ASSAY_XRT_MISSING "")
    endif()
  elseif(ASSAY_XRT STREQUAL "ON")
    message(FATAL_ERROR "XRT was not found: install it with `apt-get install libxrt-dev`")
  else()
    set(ASSAY_XRT_MISSING "XRT was not found: install it with `apt-get install libxrt-dev`")
    set(ASSAY_XRT_SUMMARY "NOT FOUND")
  endif()
  if(ASSAY_XRT_MISSING)
    string(APPEND ASSAY_XRT_SUMMARY "; NO FPGA TESTS: ${ASSAY_XRT_MISSING}")
    message(WARNING "The FPGA backend cannot be tested in this build, and the test fpga.emulation fails: "
      "${ASSAY_XRT_MISSING}. A build that does without says so with -DASSAY_XRT=OFF.")
  endif()
endif()

# Where the parts of the FPGA backend are, in the build tree and below the installation's prefix. The
# engine looks there from its own program's place upwards (backends/xrt/installation.cc).
include(GNUInstallDirs)
set(ASSAY_XRT_FOLDER libexec/assay/xrt)

# assay_xrt_options: what programs are compiled with that XRT is loaded into, or that XRT loads. No
# sanitizers: XRT takes the signals that they report with, its emulation writes through freed memory
# until our remedy has mended it, and the remedy itself replaces functions of the C library.
add_library(assay_xrt_options INTERFACE)
target_compile_features(assay_xrt_options INTERFACE cxx_std_20)
target_compile_options(assay_xrt_options INTERFACE -ffp-contract=off -Wall -Wextra -Wshadow
  -Wnon-virtual-dtor $<$<BOOL:${ASSAY_WARNINGS_AS_ERRORS}>:-Werror>)
target_include_directories(assay_xrt_options INTERFACE ${PROJECT_SOURCE_DIR})
target_link_libraries(assay_xrt_options INTERFACE tl::expected fmt::fmt Threads::Threads)
if(ASSAY_XRT_FOUND)
  add_library(assay_xrt_library INTERFACE)
  # Debian has <xrt/xclbin.h> beside <xrt/xrt/xrt_device.h>: both are reached.
  cmake_path(GET ASSAY_XRT_INCLUDE PARENT_PATH parent)
  target_include_directories(assay_xrt_library SYSTEM INTERFACE ${ASSAY_XRT_INCLUDE} ${parent})
  target_link_libraries(assay_xrt_library INTERFACE ${ASSAY_XRT_LIBRARY} ${ASSAY_UUID_LIBRARY})
endif()

# assay_add_xclbin(<name> <kernels target>): <name>.xclbin for the emulated card, from a library that
# defines assay_emulated_kernels (backends/xrt/emulation/kernel_table.h), in the folder FOLDER.
function(assay_add_xclbin name library folder)
  set(output ${folder}/${name}.xclbin)
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${folder}
    COMMAND assay_make_xclbin $<TARGET_FILE:${library}> ${output}
    DEPENDS assay_make_xclbin ${library}
    COMMENT "Making ${name}.xclbin" VERBATIM)
  add_custom_target(${name}_xclbin ALL DEPENDS ${output})
endfunction()
