// ASSAY_VECTOR_CLONES before a function: it is compiled for AVX-512 and AVX2 as well, and the
// processor chooses when the program starts. For plain loops over numbers that compilers turn into
// vector code; without fused multiply-add, so the bits are the same.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define ASSAY_VECTOR_CLONES __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define ASSAY_VECTOR_CLONES
#endif
