/* Closed-form Wasserstein-1 of discretised logistics, its partials, and its local norm.

   The formulae, and why they lose no digit, are in latent_transport/kernels/logistic.py. A block of
   pairs goes through short loops, one after the other, with what is in between in cache: the long
   chains of dependent operations of one pair are hidden behind those of the next. */

#ifndef LANES
#define LANES 64  /* pairs in a loop */
#define BLOCK 512 /* pairs read and written at once */
#define LAST 255
#define MIN_SCALE 1e-5
#define LIMIT 1e15
#define DIRECT_EDGES 4
#define STAIRCASE_EDGES 6
#define STEEP 0.33
#define LOG2_E 1.44269504088896341
#define PI 3.14159265358979324
#endif

/* First exponents of base two, then the powers. */
typedef struct {
  REAL half_step[LANES], low[LANES], high[LANES], fourier[LANES], edge[3][LANES];
} FN(Powers);

/* One side of the pairs. */
typedef struct {
  REAL loc[LANES], scale[LANES], inverse[LANES], level[LANES], phase[LANES];
  FN(Powers) powers;
  REAL offset[LANES], offset_by_phase[LANES], offset_by_scale[LANES];
  /* At each of the three edges: the partial sum is rest + 2 scale half_log, less the levels. */
  REAL x[3][LANES], above[3][LANES], rest[3][LANES], half_log[3][LANES];
  REAL weight[3][LANES], moment[3][LANES], by_loc[3][LANES], by_scale[3][LANES];
} FN(Side);

/* The edges 0, c, 255 at which the sum is split, and the signs of its two parts. */
typedef struct {
  REAL edge[3][LANES], left[LANES], right[LANES];
} FN(Parts);

INLINE void FN(read_side)(FN(Side) *side, const REAL *loc, const REAL *scale) {
  for (int i = 0; i < LANES; i++) {
    side->loc[i] = FN(clamp)(loc[i], (REAL)-LIMIT, (REAL)LIMIT);
    side->scale[i] = FN(clamp)(scale[i], (REAL)MIN_SCALE, (REAL)LIMIT);
    side->inverse[i] = 1 / side->scale[i];
    side->level[i] = FN(round)(side->loc[i]);
    side->phase[i] = side->loc[i] - side->level[i];
  }
}

/* Where the cdf of a side crosses that of (loc - dloc, scale - dscale). */
INLINE void FN(split)(FN(Parts) *parts, const FN(Side) *side, const REAL *dloc,
                      const REAL *dscale) {
  for (int i = 0; i < LANES; i++) {
    int parallel = dscale[i] == 0;
    REAL crossing =
        side->phase[i] - (REAL)0.5 - side->scale[i] * dloc[i] / (parallel ? 1 : dscale[i]);
    parts->edge[0][i] = 0;
    parts->edge[1][i] = FN(clamp)(side->level[i] - FN(round_down)(-crossing), 0, LAST);
    parts->edge[2][i] = LAST;
    REAL left = FN(sign)(parallel ? -dloc[i] : dscale[i]);
    parts->left[i] = left;
    parts->right[i] = parallel ? left : -left;
  }
}

INLINE void FN(raise)(FN(Side) *side, const FN(Parts) *parts) {
  FN(Powers) *powers = &side->powers;
  for (int i = 0; i < LANES; i++) {
    REAL rate = side->inverse[i] * (REAL)LOG2_E, phase = side->phase[i];
    powers->half_step[i] = (REAL)-0.5 * rate;
    powers->low[i] = (phase - (REAL)0.5) * rate;
    powers->high[i] = (-phase - (REAL)0.5) * rate;
    powers->fourier[i] = (REAL)(-2 * PI * PI * LOG2_E) * side->scale[i];
  }
  for (int k = 0; k < 3; k++) {
    for (int i = 0; i < LANES; i++) {
      REAL y = parts->edge[k][i] - side->loc[i];
      side->above[k][i] = y > 0 ? (REAL)1 : (REAL)0;
      side->x[k][i] = FN(absolute)(y);
      powers->edge[k][i] = (side->x[k][i] + (REAL)0.5) * (side->inverse[i] * (REAL)-LOG2_E);
    }
  }
  REAL *power = powers->half_step;
  for (int i = 0; i < (int)(sizeof(FN(Powers)) / sizeof(REAL)); i++) power[i] = FN(exp2)(power[i]);
}

/* Offset T(-phase, s) - T(phase, s) and its slopes: edges where steep, a Fourier series elsewhere */
INLINE void FN(staircase)(FN(Side) *side, int with_slopes) {
  const FN(Powers) *powers = &side->powers;
  int any_steep = 0, any_wide = 0; /* often there is but one of them: skip the other */
  for (int i = 0; i < LANES; i++) {
    any_steep |= side->scale[i] < (REAL)STEEP;
    any_wide |= !(side->scale[i] < (REAL)STEEP);
  }
  for (int i = 0; any_steep && i < LANES; i++) {
    REAL low = powers->low[i], high = powers->high[i], step = low * high;
    REAL total = 0, g_low, g_high, weight_low = 0, weight_high = 0, moment = 0;
    for (int j = 0; j < STAIRCASE_EDGES; j++) {
      REAL both = 1 / ((1 + low) * (1 + high));
      REAL q_low = both * (1 + high), q_high = both * (1 + low);
      total += low * q_low - high * q_high;
      g_low = low * q_low * q_low;
      g_high = high * q_high * q_high;
      weight_low += g_low;
      weight_high += g_high;
      moment += (REAL)j * (g_low - g_high);
      low *= step;
      high *= step;
    }
    side->offset[i] = total;
    if (with_slopes) {
      REAL inverse = side->inverse[i], phase = side->phase[i];
      REAL narrow =
          ((REAL)0.5 - phase) * weight_low - ((REAL)0.5 + phase) * weight_high + moment;
      side->offset_by_phase[i] = (weight_low + weight_high) * inverse;
      side->offset_by_scale[i] = narrow * (inverse * inverse);
    }
  }
  for (int i = 0; any_wide && i < LANES; i++) {
    REAL s = side->scale[i], phase = side->phase[i], e1 = powers->fourier[i];
    REAL turn = (REAL)(2 * PI * PI) * s;
    REAL e2 = e1 * e1, r1 = 1 + e2; /* 1/(1 - e1^2), where e1 is below 1e-2 */
    REAL first = (REAL)(-4 * PI) * e1 * r1, second = (REAL)(4 * PI) * e2;
    REAL half_sin = FN(sin_pi)(phase), half_cos = FN(cos_pi)(phase);
    REAL sin = 2 * half_sin * half_cos, cos = 1 - 2 * half_sin * half_sin;
    REAL sin2 = 2 * sin * cos, cos2 = 1 - 2 * sin * sin;
    int steep = s < (REAL)STEEP;
    side->offset[i] = steep ? side->offset[i] : phase + s * (first * sin + second * sin2);
    if (with_slopes) {
      REAL by_phase = 1 + (REAL)(2 * PI) * s * (first * cos + 2 * second * cos2);
      REAL by_scale = first * sin * (1 - turn * (1 + e2) * r1) +
                      second * sin2 * (1 - 2 * turn);
      side->offset_by_phase[i] = steep ? side->offset_by_phase[i] : by_phase;
      side->offset_by_scale[i] = steep ? side->offset_by_scale[i] : by_scale;
    }
  }
}

/* The lattice tail T at |edge - loc|, less the offset above the location, and its slopes. Leaves
   e = exp(-(x + 4)/s) in place of the powers. */
INLINE void FN(sum_tail)(FN(Side) *side, int with_slopes) {
  for (int k = 0; k < 3; k++) {
    REAL *power = side->powers.edge[k];
    for (int i = 0; i < LANES; i++) {
      REAL half_step = side->powers.half_step[i], step = half_step * half_step;
      REAL e0 = power[i], e1 = e0 * step, e2 = e1 * step, e3 = e2 * step;
      /* Four reciprocals by one division: the denominators are at most 2. */
      REAL d01 = (1 + e0) * (1 + e1), d23 = (1 + e2) * (1 + e3);
      REAL all = 1 / (d01 * d23);
      REAL r01 = all * d23, r23 = all * d01;
      REAL q0 = r01 * (1 + e1), q1 = r01 * (1 + e0), q2 = r23 * (1 + e3), q3 = r23 * (1 + e2);
      REAL g0 = e0 * q0, g1 = e1 * q1, g2 = e2 * q2, g3 = e3 * q3;
      side->rest[k][i] = (g0 + g1) + (g2 + g3);
      if (with_slopes) {
        REAL w1 = g1 * q1, w2 = g2 * q2, w3 = g3 * q3;
        side->weight[k][i] = (g0 * q0 + w1) + (w2 + w3);
        side->moment[k][i] = w1 + 2 * w2 + 3 * w3;
      }
      power[i] = e3 * half_step;
    }
    REAL reciprocal[LANES]; /* of 1 + e */
    for (int i = 0; i < LANES; i++) {
      REAL e = power[i], both = 1 / ((1 + e) * (2 + e));
      side->half_log[k][i] = FN(atanh)(e * (both * (1 + e)));
      reciprocal[i] = both * (2 + e);
    }
    for (int i = 0; i < LANES; i++) {
      REAL e = power[i], inverse = side->inverse[i], above = side->above[k][i];
      REAL q = reciprocal[i], m = e * q, w = m * q;
      REAL square = inverse * inverse;
      REAL third = (1 - 6 * w) * (square * (REAL)(7.0 / 240));
      REAL all_fifth = square * square * (REAL)(31.0 / 40320);
      REAL fifth = (1 + w * (120 * w - 30)) * all_fifth;
      REAL series = w * ((1 - third) + fifth);
      side->rest[k][i] -= series * (inverse * (REAL)(1.0 / 24)) + above * side->offset[i];
      if (with_slopes) {
        REAL x = side->x[k][i] + (REAL)0.5, weight = side->weight[k][i];
        REAL slope = all_fifth * (1 + w * (360 * w - 60)) +
                     square * (REAL)(7.0 / 240) * (12 * w - 1) + 1;
        slope *= w * (q - m);
        REAL by_x = slope * (square * (REAL)(1.0 / 24)) - weight * inverse - m;
        REAL u = (x + (REAL)(DIRECT_EDGES - 0.5)) * inverse;
        series += 2 * (w * (2 * fifth - third)) - slope * u;
        REAL by_scale = (side->moment[k][i] + x * weight + series * (REAL)(1.0 / 24)) * square +
                        (2 * side->half_log[k][i] + m * u);
        side->by_loc[k][i] = by_x * (1 - 2 * above) - above * side->offset_by_phase[i];
        side->by_scale[k][i] = by_scale - above * side->offset_by_scale[i];
      }
    }
  }
}

/* Q_p - Q_q at an edge: integers from integers, and the integrals s log(1 + e) without
   cancellation. */
INLINE REAL FN(subtract_sums)(const FN(Side) *p, const FN(Side) *q, int k, int i, REAL edge,
                              REAL dloc, REAL dscale) {
  REAL above_p = p->above[k][i], above_q = q->above[k][i];
  REAL y = (edge - p->loc[i]) + (edge - q->loc[i]);
  REAL dx = (above_p - above_q) * y - (above_p + above_q - 1) * dloc;
  REAL mean_x = (REAL)0.5 * (p->x[k][i] + q->x[k][i]) + DIRECT_EDGES;
  REAL mean_scale = (REAL)0.5 * (p->scale[i] + q->scale[i]);
  REAL half_du =
      (mean_x * dscale - mean_scale * dx) * ((REAL)0.5 * p->inverse[i] * q->inverse[i]);
  REAL e_p = p->powers.edge[k][i], e_q = q->powers.edge[k][i];
  REAL near = FN(tanh)(half_du) * (e_p + e_q);
  REAL difference =
      (FN(absolute)(half_du) < (REAL)0.5 ? near : e_p - e_q) / ((e_p + e_q) + 2);
  REAL integral =
      dscale * (p->half_log[k][i] + q->half_log[k][i]) + 2 * mean_scale * FN(atanh)(difference);
  return (p->rest[k][i] - q->rest[k][i]) + integral;
}

/* Values of LANES pairs and if asked for their partials, BLOCK apart. */
INLINE void FN(evaluate_pairs)(const REAL *loc_p, const REAL *scale_p, const REAL *loc_q,
                               const REAL *scale_q, REAL *value, REAL *partials,
                               int with_partials) {
  FN(Side) p, q;
  FN(Parts) parts;
  REAL dloc[LANES], dscale[LANES], fraction[LANES];
  FN(read_side)(&p, loc_p, scale_p);
  FN(read_side)(&q, loc_q, scale_q);
  for (int i = 0; i < LANES; i++) {
    dloc[i] = p.loc[i] - q.loc[i];
    dscale[i] = p.scale[i] - q.scale[i];
  }
  FN(split)(&parts, &p, dloc, dscale);
  FN(raise)(&p, &parts);
  FN(raise)(&q, &parts);
  FN(staircase)(&p, with_partials);
  FN(staircase)(&q, with_partials);
  FN(sum_tail)(&p, with_partials);
  FN(sum_tail)(&q, with_partials);
  for (int i = 0; i < LANES; i++)
    fraction[i] = -parts.left[i] * FN(subtract_sums)(&p, &q, 0, i, 0, dloc[i], dscale[i]);
  for (int i = 0; i < LANES; i++)
    fraction[i] += (parts.left[i] - parts.right[i]) *
                   FN(subtract_sums)(&p, &q, 1, i, parts.edge[1][i], dloc[i], dscale[i]);
  for (int i = 0; i < LANES; i++)
    fraction[i] += parts.right[i] * FN(subtract_sums)(&p, &q, 2, i, LAST, dloc[i], dscale[i]);
  for (int i = 0; i < LANES; i++) {
    REAL left = parts.left[i], right = parts.right[i], middle = left - right;
    REAL level_p = FN(clamp)(p.level[i], 0, LAST), level_q = FN(clamp)(q.level[i], 0, LAST);
    REAL steps = 0; /* exact */
    for (int k = 0; k < 3; k++) {
      REAL edge = parts.edge[k][i], weight = k == 0 ? -left : k == 1 ? middle : right;
      steps += weight * (p.above[k][i] * (edge - level_p) - q.above[k][i] * (edge - level_q));
    }
    value[i] = FN(clamp)(steps + fraction[i], 0, LAST);
    if (with_partials) {
      REAL sum = middle * p.by_loc[1][i] - left * p.by_loc[0][i];
      partials[i] = sum + right * p.by_loc[2][i];
      sum = middle * p.by_scale[1][i] - left * p.by_scale[0][i];
      partials[i + BLOCK] = sum + right * p.by_scale[2][i];
      sum = left * q.by_loc[0][i] - middle * q.by_loc[1][i];
      partials[i + 2 * BLOCK] = sum - right * q.by_loc[2][i];
      sum = left * q.by_scale[0][i] - middle * q.by_scale[1][i];
      partials[i + 3 * BLOCK] = sum - right * q.by_scale[2][i];
    }
  }
}

/* Inputs (4, BLOCK): loc_p, scale_p, loc_q, scale_q; outputs (1 or 5, BLOCK): value, partials. */
APART void FN(evaluate_values)(const REAL *RESTRICT in, REAL *RESTRICT out, int count) {
  for (int i = 0; i < count; i += LANES, in += LANES, out += LANES)
    FN(evaluate_pairs)(in, in + BLOCK, in + 2 * BLOCK, in + 3 * BLOCK, out, NULL, 0);
}

APART void FN(evaluate_partials)(const REAL *RESTRICT in, REAL *RESTRICT out, int count) {
  for (int i = 0; i < count; i += LANES, in += LANES, out += LANES)
    FN(evaluate_pairs)(in, in + BLOCK, in + 2 * BLOCK, in + 3 * BLOCK, out, out + BLOCK, 1);
}

/* Inputs (4, BLOCK): loc, scale, dloc, dscale; outputs (BLOCK): local norms. */
APART void FN(evaluate_norms)(const REAL *RESTRICT in, REAL *RESTRICT out, int count) {
  for (int start = 0; start < count; start += LANES, in += LANES, out += LANES) {
    FN(Side) p;
    FN(Parts) parts;
    const REAL *dloc = in + 2 * BLOCK, *dscale = in + 3 * BLOCK;
    FN(read_side)(&p, in, in + BLOCK);
    FN(split)(&parts, &p, dloc, dscale);
    FN(raise)(&p, &parts);
    FN(staircase)(&p, 1);
    FN(sum_tail)(&p, 1);
    for (int i = 0; i < LANES; i++) {
      REAL sum = (parts.left[i] - parts.right[i]) *
                 (p.by_loc[1][i] * dloc[i] + p.by_scale[1][i] * dscale[i]);
      sum -= parts.left[i] * (p.by_loc[0][i] * dloc[i] + p.by_scale[0][i] * dscale[i]);
      sum += parts.right[i] * (p.by_loc[2][i] * dloc[i] + p.by_scale[2][i] * dscale[i]);
      out[i] = FN(absolute)(sum);
    }
  }
}

INLINE int FN(any_above)(const REAL *x, REAL most, int count) {
  int any = 0;
  for (int i = 0; i < count; i++) any |= x[i] > most;
  return any;
}

/* Give n pairs block by block to a function, (4, BLOCK) to (rows, BLOCK), and put the rows at
   outputs[row]. Whether one of the scales, every `sides`-th input of the last ones, is wide. */
INLINE int FN(map_blocks)(void (*evaluate)(const REAL *, REAL *, int), int dims,
                          const int64_t *sizes, const REAL *const *inputs, const int64_t *strides,
                          int sides, int rows, REAL *const *outputs, double widest, int threads) {
  FN(View) views[4];
  for (int k = 0; k < 4; k++) views[k] = FN(view)(inputs[k], dims, sizes, strides + k * dims);
  int64_t n = FN(count)(dims, sizes), blocks = (n + BLOCK - 1) / BLOCK;
  int wide = 0;
  (void)threads;
#ifdef _OPENMP
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1) reduction(| : wide)
#endif
  for (int64_t block = 0; block < blocks; block++) {
    REAL in[4 * BLOCK], out[5 * BLOCK];
    int64_t first = block * BLOCK;
    int count = n - first < BLOCK ? (int)(n - first) : BLOCK;
    int lanes = (count + LANES - 1) / LANES * LANES;
    for (int k = 0; k < 4; k++) FN(gather)(&views[k], first, count, lanes, 1, in + k * BLOCK);
    for (int side = 0; side < sides; side++)
      wide |= FN(any_above)(in + (2 * side + 1) * BLOCK, (REAL)widest, lanes);
    evaluate(in, out, lanes);
    for (int row = 0; row < rows; row++)
      memcpy(outputs[row] + first, out + row * BLOCK, count * sizeof(REAL));
  }
  return wide;
}

/* Values (n) and, unless that is NULL, partials (4, n) of n pairs: inputs loc_p, scale_p, loc_q,
   scale_q of the same sizes, and their strides (4, dims). Whether a scale is above `widest`. */
EXPORT int FN(logistic_wasserstein1)(int dims, const int64_t *sizes, const REAL *const *inputs,
                                     const int64_t *strides, REAL *value, REAL *partials,
                                     double widest, int threads) {
  int64_t n = FN(count)(dims, sizes);
  REAL *rows = partials ? partials : value;
  REAL *outputs[5] = {value, rows, rows + n, rows + 2 * n, rows + 3 * n};
  return FN(map_blocks)(partials ? FN(evaluate_partials) : FN(evaluate_values), dims, sizes, inputs,
                        strides, 2, partials ? 5 : 1, outputs, widest, threads);
}

/* Local norms (n): inputs loc, scale, dloc, dscale. Whether a scale is above `widest`. */
EXPORT int FN(logistic_norm)(int dims, const int64_t *sizes, const REAL *const *inputs,
                             const int64_t *strides, REAL *norm, double widest, int threads) {
  return FN(map_blocks)(FN(evaluate_norms), dims, sizes, inputs, strides, 1, 1, &norm, widest,
                        threads);
}
