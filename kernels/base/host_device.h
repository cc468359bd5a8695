// ASSAY_HOST_DEVICE marks functions that a device's compiler compiles for the host and for the
// device, ASSAY_DEVICE those that it compiles for the device alone. For a host's compiler both are
// nothing, so that tests run the same functions.
#pragma once

#ifdef __CUDACC__
#define ASSAY_HOST_DEVICE __host__ __device__
#define ASSAY_DEVICE __device__
#else
#define ASSAY_HOST_DEVICE
#define ASSAY_DEVICE
#endif
