/* Tensors of any strides, read block by block. */

#ifndef MOST_DIMENSIONS
#define MOST_DIMENSIONS 64 /* of PyTorch */
#endif

typedef struct {
  const REAL *data;
  int dims;
  int64_t sizes[MOST_DIMENSIONS], strides[MOST_DIMENSIONS];
} FN(View);

/* The view of a tensor; neighbouring dimensions that one stride serves are made one. */
INLINE FN(View) FN(view)(const REAL *data, int dims, const int64_t *sizes, const int64_t *strides) {
  FN(View) view;
  view.data = data;
  view.dims = 0; /* the last dimension comes first */
  for (int d = dims - 1; d >= 0; d--) {
    int last = view.dims - 1;
    if (sizes[d] == 1) continue;
    if (view.dims && strides[d] == view.sizes[last] * view.strides[last]) {
      view.sizes[last] *= sizes[d];
    } else {
      view.sizes[view.dims] = sizes[d];
      view.strides[view.dims++] = strides[d];
    }
  }
  if (!view.dims) {
    view.sizes[0] = 1;
    view.strides[0] = 0;
    view.dims = 1;
  }
  return view;
}

/* Copy elements first, ..., first + count - 1, and fill up to `lanes` with `filling`. */
APART void FN(gather)(const FN(View) *view, int64_t first, int count, int lanes, REAL filling,
                      REAL *RESTRICT out) {
  int64_t index[MOST_DIMENSIONS];
  const REAL *start = view->data; /* of the run along the first dimension */
  int64_t stride = view->strides[0], size = view->sizes[0];
  int done = 0;
  for (int d = 0; d < view->dims; d++) {
    index[d] = first % view->sizes[d];
    first /= view->sizes[d];
    if (d) start += index[d] * view->strides[d];
  }
  while (done < count) {
    int64_t left = size - index[0];
    int run = left < count - done ? (int)left : count - done;
    const REAL *in = start + index[0] * stride;
    if (stride == 1) {
      memcpy(out + done, in, run * sizeof(REAL));
    } else {
      for (int i = 0; i < run; i++) out[done + i] = in[i * stride];
    }
    done += run;
    index[0] = 0;
    for (int d = 1; d < view->dims && done < count; d++) {
      start += view->strides[d];
      if (++index[d] < view->sizes[d]) break;
      start -= view->sizes[d] * view->strides[d];
      index[d] = 0;
    }
  }
  for (int i = count; i < lanes; i++) out[i] = filling;
}

INLINE int64_t FN(count)(int dims, const int64_t *sizes) {
  int64_t n = 1;
  for (int d = 0; d < dims; d++) n *= sizes[d];
  return n;
}
