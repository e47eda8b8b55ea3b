// What processors of x86 have had since 2013, for loops that are several times faster with it.
//
// Owns asking the processor. Keep out: the loops; each needs a way without.

#pragma once

#if defined(__x86_64__) && defined(__GNUC__)

// Marks a function that may only be called where `has_avx2()`; what it calls becomes part of it.
#define POLLY_AVX2 __attribute__((target("avx2,bmi,bmi2"), flatten))

inline bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
}

#endif
