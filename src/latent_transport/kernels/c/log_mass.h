/* Log-probabilities of levels under discretised logistics, and their partials.

   The formulae are in latent_transport/kernels/log_mass.py. */

/* log(1 + e^-x) for x >= 0, of e = e^-x. */
INLINE REAL FN(log1p_of)(REAL e) { return 2 * FN(atanh)(e / (2 + e)); }

/* Inputs (3, BLOCK): levels, locations, scales; outputs (3, BLOCK): log-probabilities, partials by
   location and scale. */
APART void FN(evaluate_log_mass)(const REAL *RESTRICT in, REAL *RESTRICT out, int count) {
  for (int i = 0; i < count; i++) {
    REAL level = in[i], h = 1 / in[i + 2 * BLOCK], half = h / 2;
    REAL high = (level - in[i + BLOCK] + (REAL)0.5) * h;
    REAL low = (in[i + BLOCK] - level + (REAL)0.5) * h; /* the lower edge's, negated */
    REAL far_high = FN(exp2)((REAL)-LOG2_E * FN(absolute)(high));
    REAL far_low = FN(exp2)((REAL)-LOG2_E * FN(absolute)(low));
    REAL below = (high < 0 ? high : 0) - FN(log1p_of)(far_high);
    REAL above = (low < 0 ? low : 0) - FN(log1p_of)(far_low);
    REAL missed_below = (high < 0 ? 1 : far_high) / (1 + far_high);
    REAL missed_above = (low < 0 ? 1 : far_low) / (1 + far_low);
    REAL between = FN(exp2)((REAL)-LOG2_E * h), tanh = FN(tanh)(half < (REAL)0.5 ? half : 0);
    REAL width = half < (REAL)0.5 ? 2 * tanh / (1 + tanh) : 1 - between; /* 1 - e^-h */
    int first = level < (REAL)0.5, last = level > LAST - (REAL)0.5;
    REAL inner = below + above + FN(log)(width);
    out[i] = first ? below : last ? above : inner;
    missed_below = last ? 0 : missed_below * h;
    missed_above = first ? 0 : missed_above * h;
    out[i + BLOCK] = missed_above - missed_below;
    REAL narrower = h * h * between / width;
    REAL ends = missed_below * high + missed_above * low;
    out[i + 2 * BLOCK] = -(ends + (first || last ? 0 : narrower));
  }
}

/* Values (n) and, unless that is NULL, partials (2, n): inputs levels, locations, positive scales of
   the same sizes, and their strides (3, dims). */
EXPORT int FN(log_mass)(int dims, const int64_t *sizes, const REAL *const *inputs,
                        const int64_t *strides, REAL *value, REAL *partials, int threads) {
  FN(View) views[3];
  for (int k = 0; k < 3; k++) views[k] = FN(view)(inputs[k], dims, sizes, strides + k * dims);
  int64_t n = FN(count)(dims, sizes), blocks = (n + BLOCK - 1) / BLOCK;
  (void)threads;
#ifdef _OPENMP
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
#endif
  for (int64_t block = 0; block < blocks; block++) {
    REAL in[3 * BLOCK], out[3 * BLOCK];
    int64_t first = block * BLOCK;
    int count = n - first < BLOCK ? (int)(n - first) : BLOCK;
    for (int k = 0; k < 3; k++) FN(gather)(&views[k], first, count, count, 1, in + k * BLOCK);
    FN(evaluate_log_mass)(in, out, count);
    memcpy(value + first, out, count * sizeof(REAL));
    for (int row = 1; partials && row < 3; row++)
      memcpy(partials + (row - 1) * n + first, out + row * BLOCK, count * sizeof(REAL));
  }
  return 0;
}
