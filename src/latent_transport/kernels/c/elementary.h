/* Elementary functions without branches or calls, which a compiler turns into vectors.

   The polynomials are Chebyshev fits. Nothing here may be reassociated: the rounding by a large
   number would vanish. What is not a number stays that. */

INLINE REAL FN(clamp)(REAL x, REAL least, REAL most) {
  return x < least ? least : x > most ? most : x;
}

/* 1, -1, or 0, also for what is not a number, as PyTorch has it. */
INLINE REAL FN(sign)(REAL x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }

INLINE REAL FN(absolute)(REAL x) { return x < 0 ? -x : x; }

/* Added, it makes a number of up to a quarter of it an integer, which stands in its last bits. */
#undef ROUNDING
#define ROUNDING ((REAL)(DOUBLE ? 6755399441055744.0 : 12582912.0))

/* The nearest integer; larger numbers than a quarter of ROUNDING as they are. */
INLINE REAL FN(round)(REAL x) {
  REAL near = (x + ROUNDING) - ROUNDING;
  return FN(absolute)(x) < ROUNDING / 4 ? near : x;
}

/* The integer below, likewise. */
INLINE REAL FN(round_down)(REAL x) {
  REAL near = FN(round)(x);
  return near - (REAL)(near > x ? 1 : 0);
}

#define TERM(p, y, c) ((p) * (y) + (REAL)(c))

/* 2^x for x <= 1, to a few units in the last place; 0 where that is no normal number. */
INLINE REAL FN(exp2)(REAL x) {
  REAL shifted = x + ROUNDING;
  REAL f = x - (shifted - ROUNDING); /* at most 1/2 */
#if DOUBLE
  REAL p = (REAL)4.45496059818651839e-10;
  p = TERM(p, f, 7.0725859492692237e-09);
  p = TERM(p, f, 1.01780624458457735e-07);
  p = TERM(p, f, 1.32154425879222897e-06);
  p = TERM(p, f, 1.52527338298361184e-05);
  p = TERM(p, f, 1.54035304417360502e-04);
  p = TERM(p, f, 1.33335581464169353e-03);
  p = TERM(p, f, 9.61812910760688853e-03);
  p = TERM(p, f, 5.55041086648215943e-02);
  p = TERM(p, f, 2.40226506959100982e-01);
  p = TERM(p, f, 6.93147180559945309e-01);
#else
  REAL p = (REAL)1.54531629451206902e-04;
  p = TERM(p, f, 1.33908633646712344e-03);
  p = TERM(p, f, 9.61808255727785149e-03);
  p = TERM(p, f, 5.55035711421907782e-02);
  p = TERM(p, f, 2.40226507605681269e-01);
  p = TERM(p, f, 6.93147188026228781e-01);
#endif
  union {
    REAL real;
    BITS bits;
  } power;
  power.real = shifted;
  power.bits = DOUBLE ? (power.bits << (DOUBLE ? 52 : 0)) + (BITS)0x3FF0000000000000ULL
                      : (power.bits << 23) + (BITS)0x3F800000U;
  REAL result = power.real + power.real * (f * p);
  return x < (REAL)(DOUBLE ? -1022 : -126) ? 0 : result;
}

/* atanh(z) for |z| <= 1/3 */
INLINE REAL FN(atanh)(REAL z) {
  REAL y = z * z;
#if DOUBLE
  REAL p = (REAL)0.0808202280597176611;
  p = TERM(p, y, 0.0440036924307233694);
  p = TERM(p, y, 0.0600053640479535627);
  p = TERM(p, y, 0.0665707210482746808);
  p = TERM(p, y, 0.0769278503247931155);
  p = TERM(p, y, 0.0909089471806642908);
  p = TERM(p, y, 0.111111113587139315);
  p = TERM(p, y, 0.142857142835543786);
  p = TERM(p, y, 0.200000000000072913);
  p = TERM(p, y, 0.333333333333333293);
#else
  REAL p = (REAL)0.116121646120116744;
  p = TERM(p, y, 0.108532879004401863);
  p = TERM(p, y, 0.142961789971514189);
  p = TERM(p, y, 0.199998531659648587);
  p = TERM(p, y, 0.333333336602637062);
#endif
  return z + z * (y * p);
}

/* log(x) for normal positive x, -infinity for 0 */
INLINE REAL FN(log)(REAL x) {
  union {
    REAL real;
    BITS bits;
  } parts;
  parts.real = x;
  BITS exponent = parts.bits >> (DOUBLE ? 52 : 23), one = DOUBLE ? 1023 : 127;
  parts.bits -= (exponent - one) << (DOUBLE ? 52 : 23); /* in [1, 2) */
  REAL m = parts.real, e = (REAL)(int32_t)(exponent - one);
  int large = m > (REAL)1.41421356237309505;
  m = large ? m / 2 : m;
  e = large ? e + 1 : e;
  REAL result = e * (REAL)0.693147180559945309 + 2 * FN(atanh)((m - 1) / (m + 1));
  return x > 0 ? result : x == 0 ? (REAL)-INFINITY : x;
}

/* tanh(x) for |x| <= 1/2 */
INLINE REAL FN(tanh)(REAL x) {
  REAL y = x * x;
#if DOUBLE
  REAL p = (REAL)0.0000594695658977476915;
  p = TERM(p, y, -0.000221072229758646339);
  p = TERM(p, y, 0.000584965372902264459);
  p = TERM(p, y, -0.00145495938438046611);
  p = TERM(p, y, 0.00359203346537239282);
  p = TERM(p, y, -0.0088632292700678434);
  p = TERM(p, y, 0.0218694882972345143);
  p = TERM(p, y, -0.0539682539636100864);
  p = TERM(p, y, 0.133333333333298242);
  p = TERM(p, y, -0.333333333333333289);
#else
  REAL p = (REAL)-0.00694294175041600692;
  p = TERM(p, y, 0.0214706830253367621);
  p = TERM(p, y, -0.0539334691459676865);
  p = TERM(p, y, 0.133332257754825256);
  p = TERM(p, y, -0.33333332796631664);
#endif
  return x + x * (y * p);
}

/* sin(pi t) and cos(pi t) for |t| <= 1/2 */
INLINE REAL FN(sin_pi)(REAL t) {
  REAL y = t * t;
#if DOUBLE
  REAL p = (REAL)-2.22837121606969689e-08;
  p = TERM(p, y, 7.94853903737232084e-07);
  p = TERM(p, y, -2.19152503018513743e-05);
  p = TERM(p, y, 4.66302787459327273e-04);
  p = TERM(p, y, -7.37043094370213585e-03);
  p = TERM(p, y, 8.21458866109935574e-02);
  p = TERM(p, y, -5.99264529320786899e-01);
  p = TERM(p, y, 2.55016403987734534);
  p = TERM(p, y, -5.16771278004997003);
#else
  REAL p = (REAL)-0.00702830385520309599;
  p = TERM(p, y, 0.0820503502014724751);
  p = TERM(p, y, -0.59925218653158298);
  p = TERM(p, y, 2.55016331793842691);
  p = TERM(p, y, -5.16771276459300002);
#endif
  return t * TERM(p, y, 3.14159265358979324);
}

INLINE REAL FN(cos_pi)(REAL t) {
  REAL y = t * t;
#if DOUBLE
  REAL p = (REAL)3.50969883769649805e-09;
  p = TERM(p, y, -1.38739253056652629e-07);
  p = TERM(p, y, 4.30305483211925476e-06);
  p = TERM(p, y, -1.04638102305575621e-04);
  p = TERM(p, y, 1.92957430911602572e-03);
  p = TERM(p, y, -2.5806891389994791e-02);
  p = TERM(p, y, 2.35330630358892464e-01);
  p = TERM(p, y, -1.33526276885458948);
  p = TERM(p, y, 4.05871212641676822);
  p = TERM(p, y, -4.93480220054467931);
#else
  REAL p = (REAL)-0.0246271115952284581;
  p = TERM(p, y, 0.235074368322395935);
  p = TERM(p, y, -1.33523996070089519);
  p = TERM(p, y, 4.05871141468343781);
  p = TERM(p, y, -4.93480219698698525);
#endif
  return 1 + y * p;
}

#undef TERM
