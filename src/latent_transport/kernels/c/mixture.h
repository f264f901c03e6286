/* Wasserstein-1 of mixtures of K discretised logistics, its partials, and its local norm.

   The formulae, and why they lose no digit, are in latent_transport/kernels/mixture.py. A few pairs,
   one a lane, go through the edges together, a few edges at a time, which are summed on their own:
   nothing is 255 wide, and a sum over the edges is one of few summands. */

#ifndef PAIRS
#define PAIRS 16
#define GROUP 5 /* edges at a time */
#define EDGES 255
#define LN_2 0.693147180559945309
#endif

typedef REAL FN(Lanes)[PAIRS];

/* K components of one mixture of each pair. */
typedef struct {
  FN(Lanes) *logits, *loc, *scale; /* as they came, within their limits */
  FN(Lanes) *weight, *rate;        /* the rate of powers of two */
  FN(Lanes) *area, *mass, *moment; /* signed sums over the edges */
  FN(Lanes) *cdf, *density;        /* (K, GROUP), cdf or survival function on either side */
} FN(Mixture);

#undef LANES_A_MIXTURE
#define LANES_A_MIXTURE (8 + 2 * GROUP) /* a component */

INLINE FN(Lanes) *FN(place_mixture)(FN(Mixture) *mixture, FN(Lanes) *memory, int components) {
  FN(Lanes) **arrays[8] = {&mixture->logits, &mixture->loc,  &mixture->scale, &mixture->weight,
                           &mixture->rate,   &mixture->area, &mixture->mass,  &mixture->moment};
  for (int k = 0; k < 8; k++, memory += components) *arrays[k] = memory;
  mixture->cdf = memory;
  mixture->density = memory + GROUP * components;
  return memory + 2 * GROUP * components;
}

/* Read (K) logits, locations and scales of `count` pairs from views of the first component. */
INLINE void FN(read_mixture)(const FN(Mixture) *mixture, const FN(View) *views,
                             const int64_t *steps, int64_t first, int count, int components) {
  FN(Lanes) *const into[3] = {mixture->logits, mixture->loc, mixture->scale};
  for (int k = 0; k < 3; k++) {
    FN(View) view = views[k];
    for (int j = 0; j < components; j++, view.data += steps[k])
      FN(gather)(&view, first, count, PAIRS, 1, into[k][j]);
  }
}

/* exp(x) for x <= 0 */
INLINE REAL FN(exp_below)(REAL x) {
  x = FN(clamp)(x, -1000, 0); /* nothing below, and yet finite */
  REAL whole = FN(round)(x * (REAL)LOG2_E);
  /* ln 2 in two parts, of which the first times an integer is exact. */
  REAL high = (REAL)(DOUBLE ? 0.693147180369123816490 : 0.693359375);
  REAL low = (REAL)(DOUBLE ? 1.90821492927058770002e-10 : -2.12194440054690583e-4);
  REAL rest = (x - whole * high) - whole * low;
  return FN(exp2)(whole) * FN(exp2)(rest * (REAL)LOG2_E);
}

/* Not a number if one of the two is not. */
INLINE REAL FN(larger)(REAL x, REAL y) { return x <= y ? y : y <= x ? x : x + y; }

INLINE void FN(weigh)(const FN(Mixture) *mixture, int components) {
  FN(Lanes) largest, total;
  SIMD
  for (int i = 0; i < PAIRS; i++) largest[i] = mixture->logits[0][i], total[i] = 0;
  for (int j = 1; j < components; j++)
    SIMD
    for (int i = 0; i < PAIRS; i++)
      largest[i] = FN(larger)(mixture->logits[j][i], largest[i]);
  for (int j = 0; j < components; j++) {
    REAL *weight = mixture->weight[j];
    SIMD
    for (int i = 0; i < PAIRS; i++)
      weight[i] = FN(exp_below)(mixture->logits[j][i] - largest[i]);
    SIMD
    for (int i = 0; i < PAIRS; i++) total[i] += weight[i];
  }
  SIMD
  for (int i = 0; i < PAIRS; i++) total[i] = 1 / total[i];
  for (int j = 0; j < components; j++) {
    REAL *weight = mixture->weight[j], *loc = mixture->loc[j], *scale = mixture->scale[j];
    SIMD
    for (int i = 0; i < PAIRS; i++) {
      weight[i] *= total[i];
      loc[i] = FN(clamp)(loc[i], (REAL)-LIMIT, (REAL)LIMIT);
      scale[i] = FN(clamp)(scale[i], (REAL)MIN_SCALE, (REAL)LIMIT);
      mixture->rate[j][i] = (REAL)LOG2_E / scale[i];
      mixture->area[j][i] = mixture->mass[j][i] = mixture->moment[j][i] = 0;
    }
  }
}

INLINE void FN(add_centre)(const FN(Mixture) *mixture, int components, REAL share, REAL *centre) {
  for (int j = 0; j < components; j++)
    SIMD
    for (int i = 0; i < PAIRS; i++)
      centre[i] += share * mixture->weight[j][i] * mixture->loc[j][i];
}

/* What the difference of two components needs of both. */
typedef struct {
  FN(Lanes) *middle, *slope, *shift; /* half of z_p - z_q = slope (edge - middle) + shift */
  FN(Lanes) *reweight;               /* difference of the weights */
} FN(Change);

INLINE void FN(compare)(const FN(Change) *change, const FN(Mixture) *p, const FN(Mixture) *q,
                        int components) {
  FN(Lanes) mean, close, growth;
  SIMD
  for (int i = 0; i < PAIRS; i++) mean[i] = growth[i] = 0, close[i] = 1;
  for (int j = 0; j < components; j++) {
    SIMD
    for (int i = 0; i < PAIRS; i++) {
      REAL loc_p = p->loc[j][i], loc_q = q->loc[j][i];
      REAL scale_p = p->scale[j][i], scale_q = q->scale[j][i];
      REAL both = (REAL)0.5 / (scale_p * scale_q);
      change->middle[j][i] = (REAL)0.5 * (loc_p + loc_q);
      change->slope[j][i] = (scale_q - scale_p) * both;
      change->shift[j][i] = (REAL)0.5 * (scale_p + scale_q) * (loc_q - loc_p) * both;
      change->reweight[j][i] = p->logits[j][i] - q->logits[j][i];
      mean[i] += q->weight[j][i] * change->reweight[j][i];
    }
  }
  /* weight_q (exp(d) - mean exp(d)), with exp(d) - 1 from tanh(d/2), where all d are small. */
  for (int j = 0; j < components; j++) {
    SIMD
    for (int i = 0; i < PAIRS; i++) {
      REAL d = change->reweight[j][i] - mean[i];
      REAL t = FN(tanh)((REAL)0.5 * FN(clamp)(d, -1, 1));
      close[i] = FN(absolute)(d) < 1 ? close[i] : 0;
      REAL g = 2 * t / (1 - t);
      change->reweight[j][i] = g;
      growth[i] += q->weight[j][i] * g;
    }
  }
  for (int j = 0; j < components; j++) {
    SIMD
    for (int i = 0; i < PAIRS; i++) {
      REAL w = q->weight[j][i];
      REAL near = w * (change->reweight[j][i] - growth[i]) / (1 + growth[i]);
      change->reweight[j][i] = close[i] > 0 ? near : p->weight[j][i] - w;
    }
  }
}

/* The cdf below the centre and the survival function above, exchanged for `other`, and the product
   of the two; from e = exp(-|z|) and 1/(1 + e). */
INLINE REAL FN(sigmoid)(REAL z, REAL side, REAL e, REAL large, REAL *other, REAL *density) {
  REAL small = e * large;
  int up = z * side > 0;
  *other = up ? small : large;
  *density = small * large;
  return up ? large : small;
}

INLINE REAL FN(side)(REAL centre, REAL edge) { return centre >= edge ? 1 : -1; }

/* Value and, if asked for, the sums behind the partials of PAIRS pairs. */
INLINE void FN(sum_edges)(const FN(Mixture) *p, const FN(Mixture) *q, const FN(Change) *change,
                          const REAL *centre, int components, REAL *value, int with_partials) {
  SIMD
  for (int i = 0; i < PAIRS; i++) value[i] = 0;
  for (int start = 0; start < EDGES; start += GROUP) {
    REAL low = (REAL)start + (REAL)0.5;
    FN(Lanes) signs[GROUP];
    memset(signs, 0, sizeof signs);
    for (int j = 0; j < components; j++) {
      FN(Lanes) *cdf_p = p->cdf + j * GROUP, *cdf_q = q->cdf + j * GROUP;
      FN(Lanes) *density_p = p->density + j * GROUP, *density_q = q->density + j * GROUP;
      const REAL *loc_p = p->loc[j], *rate_p = p->rate[j], *loc_q = q->loc[j], *rate_q = q->rate[j];
      const REAL *weight = q->weight[j], *reweight = change->reweight[j];
      const REAL *middle = change->middle[j], *slope = change->slope[j], *shift = change->shift[j];
      for (int g = 0; g < GROUP; g++) {
        REAL edge = low + (REAL)g;
        SIMD
        for (int i = 0; i < PAIRS; i++) {
          REAL side = FN(side)(centre[i], edge);
          REAL other_p, other_q, product_p, product_q;
          REAL z_p = (edge - loc_p[i]) * rate_p[i], z_q = (edge - loc_q[i]) * rate_q[i];
          REAL e_p = FN(exp2)(-FN(absolute)(z_p)), e_q = FN(exp2)(-FN(absolute)(z_q));
          REAL both = 1 / ((1 + e_p) * (1 + e_q)); /* one division for two */
          REAL a = FN(sigmoid)(z_p, side, e_p, both * (1 + e_q), &other_p, &product_p);
          REAL b = FN(sigmoid)(z_q, side, e_q, both * (1 + e_p), &other_q, &product_q);
          REAL half_dz = (edge - middle[i]) * slope[i] + shift[i];
          REAL near = (a * other_q + b * other_p) * FN(tanh)(half_dz) * side;
          REAL moved = FN(absolute)(half_dz) < (REAL)0.5 ? near : a - b;
          signs[g][i] += moved * weight[i] + a * reweight[i];
          if (with_partials) {
            cdf_p[g][i] = a;
            cdf_q[g][i] = b;
            density_p[g][i] = product_p;
            density_q[g][i] = product_q;
          }
        }
      }
    }
    SIMD
    for (int i = 0; i < PAIRS; i++) {
      REAL sum = 0;
      for (int g = 0; g < GROUP; g++) sum += FN(absolute)(signs[g][i]);
      value[i] += sum;
    }
    if (!with_partials) continue;
    for (int g = 0; g < GROUP; g++)
      SIMD
      for (int i = 0; i < PAIRS; i++) signs[g][i] = FN(sign)(signs[g][i]);
    for (int j = 0; j < components; j++) {
      for (int both = 0; both < 2; both++) {
        const FN(Mixture) *m = both ? q : p;
        const FN(Lanes) *cdf = m->cdf + j * GROUP, *density = m->density + j * GROUP;
        const REAL *loc = m->loc[j], *rate = m->rate[j];
        REAL *area = m->area[j], *mass = m->mass[j], *moment = m->moment[j];
        SIMD
        for (int i = 0; i < PAIRS; i++) {
          REAL areas = 0, masses = 0, moments = 0;
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC unroll 5
#endif
          for (int g = 0; g < GROUP; g++) {
            REAL edge = low + (REAL)g, sign = signs[g][i];
            REAL signed_density = density[g][i] * (sign * FN(side)(centre[i], edge));
            areas += cdf[g][i] * sign;
            masses += signed_density;
            moments += signed_density * ((edge - loc[i]) * rate[i]);
          }
          area[i] += areas;
          mass[i] += masses;
          moment[i] += moments;
        }
      }
    }
  }
}

APART void FN(sum_values)(const FN(Mixture) *p, const FN(Mixture) *q, const FN(Change) *change,
                          const REAL *centre, int components, REAL *value) {
  FN(sum_edges)(p, q, change, centre, components, value, 0);
}

APART void FN(sum_partials)(const FN(Mixture) *p, const FN(Mixture) *q, const FN(Change) *change,
                            const REAL *centre, int components, REAL *value) {
  FN(sum_edges)(p, q, change, centre, components, value, 1);
}

/* Partials by logits, locations and scales, each `size` apart, of `count` pairs. Without a distance
   a partial is 0, or no number if its own component has none. */
INLINE void FN(write_partials)(const FN(Mixture) *mixture, const REAL *value, REAL orientation,
                               int components, int count, int64_t size, REAL *out) {
  FN(Lanes) mean;
  for (int j = 0; j < components; j++) {
    REAL *area = mixture->area[j], *mass = mixture->mass[j], *moment = mixture->moment[j];
    SIMD
    for (int i = 0; i < PAIRS; i++) {
      REAL own = mixture->loc[j][i] + mixture->scale[j][i];
      REAL nothing = own != own ? own : 0;
      int none = value[i] != value[i];
      area[i] = none ? nothing : area[i];
      mass[i] = none ? nothing : mass[i];
      moment[i] = none ? nothing : moment[i];
    }
  }
  SIMD
  for (int i = 0; i < PAIRS; i++) mean[i] = 0;
  for (int j = 0; j < components; j++)
    SIMD
    for (int i = 0; i < PAIRS; i++) mean[i] += mixture->weight[j][i] * mixture->area[j][i];
  for (int j = 0; j < components; j++) {
    for (int i = 0; i < count; i++) {
      REAL weight = orientation * mixture->weight[j][i], scale = mixture->scale[j][i];
      int64_t at = (int64_t)i * components + j;
      out[at] = weight * (mixture->area[j][i] - mean[i]);
      out[at + size] = -weight * mixture->mass[j][i] / scale;
      out[at + 2 * size] = -weight * mixture->moment[j][i] * (REAL)LN_2 / scale;
    }
  }
}

/* Values (n) and, unless that is NULL, partials (6, n, K) of n pairs: inputs logits_p, loc_p,
   scale_p, logits_q, loc_q, scale_q of the same sizes (n, K), and their strides (6, dims + 1).
   Whether there was too little memory. */
EXPORT int FN(mixture_wasserstein1)(int dims, const int64_t *sizes, const REAL *const *inputs,
                                    const int64_t *strides, REAL *value, REAL *partials,
                                    int threads) {
  FN(View) views[6];
  int64_t steps[6];
  for (int k = 0; k < 6; k++) {
    views[k] = FN(view)(inputs[k], dims, sizes, strides + k * (dims + 1));
    steps[k] = strides[k * (dims + 1) + dims];
  }
  int components = (int)sizes[dims], short_of_memory = 0;
  int64_t n = FN(count)(dims, sizes), blocks = (n + PAIRS - 1) / PAIRS;
  (void)threads;
#ifdef _OPENMP
#pragma omp parallel num_threads(threads) if (threads > 1) reduction(| : short_of_memory)
#endif
  {
    FN(Mixture) p, q;
    FN(Change) change;
    size_t lanes = (size_t)components * (2 * LANES_A_MIXTURE + 4);
    void *memory = malloc(lanes * sizeof(FN(Lanes)) + 64);
    if (!memory) {
      short_of_memory = 1;
    } else {
      FN(Lanes) *place = (FN(Lanes) *)(((uintptr_t)memory + 63) / 64 * 64);
      place = FN(place_mixture)(&p, place, components);
      place = FN(place_mixture)(&q, place, components);
      change.middle = place;
      change.slope = place + components;
      change.shift = place + 2 * components;
      change.reweight = place + 3 * components;
    }
#ifdef _OPENMP
#pragma omp for schedule(static)
#endif
    for (int64_t block = 0; block < blocks; block++) {
      FN(Lanes) centre, values;
      int64_t first = block * PAIRS;
      int count = n - first < PAIRS ? (int)(n - first) : PAIRS;
      if (!memory) continue;
      FN(read_mixture)(&p, views, steps, first, count, components);
      FN(read_mixture)(&q, views + 3, steps + 3, first, count, components);
      FN(weigh)(&p, components);
      FN(weigh)(&q, components);
      memset(centre, 0, sizeof centre);
      FN(add_centre)(&p, components, (REAL)0.5, centre);
      FN(add_centre)(&q, components, (REAL)0.5, centre);
      FN(compare)(&change, &p, &q, components);
      if (partials) {
        int64_t size = n * components;
        FN(sum_partials)(&p, &q, &change, centre, components, values);
        REAL *out = partials + first * components;
        FN(write_partials)(&p, values, 1, components, count, size, out);
        FN(write_partials)(&q, values, -1, components, count, size, out + 3 * size);
      } else {
        FN(sum_values)(&p, &q, &change, centre, components, values);
      }
      memcpy(value + first, values, count * sizeof(REAL));
    }
    free(memory);
  }
  return short_of_memory;
}

/* Sums of the absolute changes of a mixture's cdf at the edges, where q holds the velocities as
   prepared. */
APART void FN(sum_norms)(const FN(Mixture) *p, const FN(Mixture) *q, const REAL *centre,
                         int components, REAL *norm) {
  SIMD
  for (int i = 0; i < PAIRS; i++) norm[i] = 0;
  for (int start = 0; start < EDGES; start += GROUP) {
    REAL low = (REAL)start + (REAL)0.5;
    FN(Lanes) sums[GROUP];
    memset(sums, 0, sizeof sums);
    for (int j = 0; j < components; j++) {
      const REAL *loc = p->loc[j], *rate = p->rate[j], *by_weight = q->logits[j];
      const REAL *weight_rate = q->rate[j], *by_loc = q->loc[j], *by_scale = q->scale[j];
      for (int g = 0; g < GROUP; g++) {
        REAL edge = low + (REAL)g;
        SIMD
        for (int i = 0; i < PAIRS; i++) {
          REAL side = FN(side)(centre[i], edge), z = (edge - loc[i]) * rate[i], other, density;
          REAL e = FN(exp2)(-FN(absolute)(z));
          REAL cdf = FN(sigmoid)(z, side, e, 1 / (1 + e), &other, &density);
          REAL moved = by_loc[i] + z * (REAL)LN_2 * by_scale[i];
          sums[g][i] += by_weight[i] * cdf - weight_rate[i] * density * side * moved;
        }
      }
    }
    SIMD
    for (int i = 0; i < PAIRS; i++) {
      REAL sum = 0;
      for (int g = 0; g < GROUP; g++) sum += FN(absolute)(sums[g][i]);
      norm[i] += sum;
    }
  }
}

/* In place of the velocities of the logits those of the weights; weights over scales as rates. */
INLINE void FN(prepare_velocity)(const FN(Mixture) *p, const FN(Mixture) *q, int components) {
  FN(Lanes) mean;
  SIMD
  for (int i = 0; i < PAIRS; i++) mean[i] = 0;
  for (int j = 0; j < components; j++)
    SIMD
    for (int i = 0; i < PAIRS; i++) mean[i] += p->weight[j][i] * q->logits[j][i];
  for (int j = 0; j < components; j++) {
    SIMD
    for (int i = 0; i < PAIRS; i++) {
      REAL weight = p->weight[j][i];
      q->logits[j][i] = weight * (q->logits[j][i] - mean[i]);
      q->rate[j][i] = weight / p->scale[j][i];
    }
  }
}

/* Local norms (n): inputs logits, loc, scale, dlogits, dloc, dscale, as above. */
EXPORT int FN(mixture_norm)(int dims, const int64_t *sizes, const REAL *const *inputs,
                            const int64_t *strides, REAL *norm, int threads) {
  FN(View) views[6];
  int64_t steps[6];
  for (int k = 0; k < 6; k++) {
    views[k] = FN(view)(inputs[k], dims, sizes, strides + k * (dims + 1));
    steps[k] = strides[k * (dims + 1) + dims];
  }
  int components = (int)sizes[dims], short_of_memory = 0;
  int64_t n = FN(count)(dims, sizes), blocks = (n + PAIRS - 1) / PAIRS;
  (void)threads;
#ifdef _OPENMP
#pragma omp parallel num_threads(threads) if (threads > 1) reduction(| : short_of_memory)
#endif
  {
    FN(Mixture) p, q;
    void *memory = malloc((size_t)components * 2 * LANES_A_MIXTURE * sizeof(FN(Lanes)) + 64);
    if (!memory) {
      short_of_memory = 1;
    } else {
      FN(Lanes) *place = (FN(Lanes) *)(((uintptr_t)memory + 63) / 64 * 64);
      FN(place_mixture)(&q, FN(place_mixture)(&p, place, components), components);
    }
#ifdef _OPENMP
#pragma omp for schedule(static)
#endif
    for (int64_t block = 0; block < blocks; block++) {
      FN(Lanes) centre, norms;
      int64_t first = block * PAIRS;
      int count = n - first < PAIRS ? (int)(n - first) : PAIRS;
      if (!memory) continue;
      FN(read_mixture)(&p, views, steps, first, count, components);
      FN(read_mixture)(&q, views + 3, steps + 3, first, count, components);
      FN(weigh)(&p, components);
      memset(centre, 0, sizeof centre);
      FN(add_centre)(&p, components, 1, centre);
      FN(prepare_velocity)(&p, &q, components);
      FN(sum_norms)(&p, &q, centre, components, norms);
      memcpy(norm + first, norms, count * sizeof(REAL));
    }
    free(memory);
  }
  return short_of_memory;
}
