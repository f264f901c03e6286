/* Fisher information of discretised logistics: the levels' terms, the inner ones summed by a rule.

   The formulae, and where the rules come from, are in latent_transport/distributions/fisher.py. */

#ifndef LOGISTICS
#define LOGISTICS 16 /* distributions in a loop, whose sums stay in cache */
#define FARTHEST 80.0
#endif

/* What the terms of a distribution share; hyperbolic functions are those of h/2. */
typedef struct {
  REAL loc[LOGISTICS], h[LOGISTICS], offset[LOGISTICS];
  REAL log_cosh[LOGISTICS]; /* and log 2 */
  REAL tanh[LOGISTICS], sech[LOGISTICS], half_tanh[LOGISTICS];
  REAL coth[LOGISTICS], csch[LOGISTICS]; /* times h/2, and h/2 + h/2 for twice the argument */
  REAL csch_squared[LOGISTICS];
} FN(Logistics);

INLINE REAL FN(exp_far)(REAL x) {
  return FN(exp2)((REAL)LOG2_E * FN(clamp)(x, (REAL)-FARTHEST, (REAL)FARTHEST));
}

INLINE void FN(read_logistics)(FN(Logistics) *p, const REAL *loc, const REAL *scale,
                               const REAL *offset) {
  for (int i = 0; i < LOGISTICS; i++) {
    REAL h = 1 / scale[i], half = h / 2, root = FN(exp_far)(-half), power = root * root;
    REAL tanh = half < (REAL)0.5 ? FN(tanh)(half) : (1 - power) / (1 + power);
    REAL sech = 2 * root / (1 + power), csch = half * sech / tanh;
    p->loc[i] = loc[i];
    p->h[i] = h;
    p->offset[i] = offset[i];
    p->log_cosh[i] = half + 2 * FN(atanh)(power / (2 + power));
    p->tanh[i] = tanh;
    p->sech[i] = sech;
    p->half_tanh[i] = half * tanh;
    p->coth[i] = half / tanh;
    p->csch[i] = csch * sech;
    p->csch_squared[i] = csch * csch;
  }
}

INLINE void FN(sum_inner)(const FN(Logistics) *logistics, int nodes, const REAL *points,
                          const REAL *weights, REAL sums[9][LOGISTICS], int with_partials) {
  memset(sums, 0, 9 * sizeof(*sums));
  for (int node = 0; node < nodes; node++) {
    REAL point = points[node], weight = weights[node];
    SIMD
    for (int i = 0; i < LOGISTICS; i++) {
      REAL u = (logistics->offset[i] - point) * logistics->h[i], size = FN(absolute)(u);
      REAL steep = FN(exp_far)(logistics->log_cosh[i] - size);
      REAL sech = logistics->sech[i], root = steep * (sech / 2), square = root * root;
      REAL cosh = 1 + square, sinh = 1 - square, inverse = 1 / (cosh + steep);
      REAL z = steep * inverse, p = z * weight;
      REAL rho = sinh * inverse;
      rho = u < 0 ? -rho : rho;
      REAL tau = logistics->coth[i] * cosh - size * sinh + logistics->csch[i] * steep;
      tau *= inverse;
      REAL p_rho = p * rho, p_tau = p * tau;
      sums[0][i] += p_rho * rho;
      sums[1][i] += p_rho * tau;
      sums[2][i] += p_tau * tau;
      if (with_partials) {
        REAL rho_by_loc = (cosh + sech * sech * steep) * inverse * z;
        REAL share = z * logistics->half_tanh[i];
        REAL rho_by_scale = share * rho - u * rho_by_loc;
        REAL tau_by_loc = rho_by_scale - rho;
        REAL tau_by_scale = share * tau - u * rho_by_scale - tau + logistics->csch_squared[i];
        sums[3][i] += (2 * rho_by_loc - rho * rho) * p_rho;
        sums[4][i] += (tau_by_loc - rho * tau) * p_rho + p_tau * rho_by_loc;
        sums[5][i] += (2 * tau_by_loc - rho * tau) * p_tau;
        sums[6][i] += (2 * rho_by_scale - rho * tau) * p_rho;
        sums[7][i] += (tau_by_scale - tau * tau) * p_rho + p_tau * rho_by_scale;
        sums[8][i] += (2 * tau_by_scale - tau * tau) * p_tau;
      }
    }
  }
  for (int row = 0; row < (with_partials ? 9 : 3); row++)
    for (int i = 0; i < LOGISTICS; i++) sums[row][i] *= logistics->tanh[i];
}

/* The levels 0 and 255, which have one edge each. */
INLINE void FN(add_end)(const FN(Logistics) *logistics, REAL edge, REAL sign,
                        REAL sums[9][LOGISTICS], int with_partials) {
  for (int i = 0; i < LOGISTICS; i++) {
    REAL u = (edge - logistics->loc[i]) * logistics->h[i];
    REAL small = FN(exp_far)(-FN(absolute)(u)), inverse = 1 / (1 + small);
    REAL p = sign * u > 0 ? inverse : small * inverse;
    REAL rho = sign * u > 0 ? small * inverse : inverse;
    REAL term = p * rho * rho, moment = u * term;
    sums[0][i] += term;
    sums[1][i] += moment;
    sums[2][i] += u * moment;
    if (with_partials) {
      REAL slope = sign * term * (rho - 2 * p);
      REAL first = term + u * slope, second = 2 * moment + u * (u * slope);
      sums[3][i] -= slope;
      sums[4][i] -= first;
      sums[5][i] -= second;
      sums[6][i] -= u * slope;
      sums[7][i] -= u * first;
      sums[8][i] -= u * second;
    }
  }
}

INLINE void FN(information)(const FN(Logistics) *logistics, int nodes, const REAL *points,
                            const REAL *weights, REAL sums[9][LOGISTICS], int with_partials) {
  FN(sum_inner)(logistics, nodes, points, weights, sums, with_partials);
  FN(add_end)(logistics, (REAL)0.5, 1, sums, with_partials);
  FN(add_end)(logistics, (REAL)(LAST - 0.5), -1, sums, with_partials);
}

APART void FN(information_values)(const FN(Logistics) *logistics, int nodes, const REAL *points,
                                  const REAL *weights, REAL sums[9][LOGISTICS]) {
  FN(information)(logistics, nodes, points, weights, sums, 0);
}

APART void FN(information_partials)(const FN(Logistics) *logistics, int nodes, const REAL *points,
                                    const REAL *weights, REAL sums[9][LOGISTICS]) {
  FN(information)(logistics, nodes, points, weights, sums, 1);
}

/* Entries, and if there are 9 rows their partials, of the `count` distributions numbered in `order`,
   whose window is summed by one rule; `offset` is the location less the window's centre. Inputs (n),
   scales positive; sums (rows, n). */
EXPORT void FN(logistic_information)(int64_t n, int64_t count, const int64_t *order,
                                     const REAL *loc, const REAL *scale, const REAL *offset,
                                     int nodes, const REAL *points, const REAL *weights, int rows,
                                     REAL *out) {
  REAL sums[9][LOGISTICS], parameters[3][LOGISTICS];
  FN(Logistics) logistics;
  for (int64_t start = 0; start < count; start += LOGISTICS) {
    int lanes = count - start < LOGISTICS ? (int)(count - start) : LOGISTICS;
    for (int i = 0; i < LOGISTICS; i++) {
      int64_t from = order[start + (i < lanes ? i : 0)];
      parameters[0][i] = loc[from];
      parameters[1][i] = scale[from];
      parameters[2][i] = offset[from];
    }
    FN(read_logistics)(&logistics, parameters[0], parameters[1], parameters[2]);
    (rows > 3 ? FN(information_partials) : FN(information_values))(&logistics, nodes, points, weights,
                                                                   sums);
    for (int row = 0; row < rows; row++)
      for (int i = 0; i < lanes; i++) out[row * n + order[start + i]] = sums[row][i];
  }
}
