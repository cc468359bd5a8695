# find_package(assay): the targets assay::base, assay::kernels, assay::datasets and so on. The
# project that asks must enable C as well as C++ (FindHDF5 needs it).
include(${CMAKE_CURRENT_LIST_DIR}/AssayDependencies.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/assay-targets.cmake)
