# `cmake --install`: the program, the libraries with their headers, and a CMake package, so that
# another project can `find_package(assay)` and link assay::datasets, assay::automl and so on.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(ASSAY_PACKAGE_FOLDER ${CMAKE_INSTALL_LIBDIR}/cmake/assay)

get_property(libraries GLOBAL PROPERTY ASSAY_LIBRARIES)
install(TARGETS assay_options ${libraries} EXPORT assay-targets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/assay)
install(EXPORT assay-targets NAMESPACE assay:: DESTINATION ${ASSAY_PACKAGE_FOLDER})
foreach(folder kernels backends datasets tracking automl)
  install(DIRECTORY ${folder} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/assay
    FILES_MATCHING PATTERN "*.h" PATTERN "*_internal.h" EXCLUDE)
endforeach()

write_basic_package_version_file(assayConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES cmake/assayConfig.cmake cmake/AssayDependencies.cmake
  ${PROJECT_BINARY_DIR}/assayConfigVersion.cmake
  DESTINATION ${ASSAY_PACKAGE_FOLDER})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
