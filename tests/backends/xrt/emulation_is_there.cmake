# cmake -DMISSING=<why there is no emulated card in this build> -P emulation_is_there.cmake
if(MISSING)
  message(FATAL_ERROR "The FPGA tests are not in this build: ${MISSING}. "
    "A build that does without says so with -DASSAY_XRT=OFF.")
endif()
