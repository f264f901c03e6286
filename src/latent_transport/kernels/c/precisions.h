/* All kernels of one level of instructions, in both precisions. */

#define JOIN_(a, b, c) a##_##b##_##c
#define JOIN(a, b, c) JOIN_(a, b, c)

#define REAL float
#define BITS uint32_t
#define DOUBLE 0
#define FN(name) JOIN(name, LEVEL, float32)
#include "elementary.h"
#include "views.h"
#include "logistic.h"
#include "mixture.h"
#include "fisher.h"
#include "log_mass.h"
#undef REAL
#undef BITS
#undef DOUBLE
#undef FN

#define REAL double
#define BITS uint64_t
#define DOUBLE 1
#define FN(name) JOIN(name, LEVEL, float64)
#include "elementary.h"
#include "views.h"
#include "logistic.h"
#include "mixture.h"
#include "fisher.h"
#include "log_mass.h"
#undef REAL
#undef BITS
#undef DOUBLE
#undef FN

#undef JOIN
#undef JOIN_
